//! Which of the stored objects of a type go into the answer.

use std::collections::BTreeSet;

use calls::AccountId;
use cloud::{Cloud, Error};
use jiff::Timestamp;
use objects::{ObjectKey, ObjectSource, Overlay};
use soap::{Element, RetrieveRequest};

use crate::page::{Cursor, LOOK_MAX, Page, PageFit};
use crate::sends;

/// Stored objects that are read in one request.
const READ_AT_ONCE: i32 = 500;

/// Which of the stored objects go into the answer.
pub(crate) struct RetrieveSelection<'a> {
    pub(crate) account: &'a AccountId,
    pub(crate) source: &'a ObjectSource<'a>,
    pub(crate) request: &'a RetrieveRequest,
    pub(crate) client: Option<Element>,
}

impl RetrieveSelection<'_> {
    /// Objects at these keys, beginning at the cursor.
    pub(crate) async fn at(
        &self,
        cloud: &Cloud,
        keys: &[ObjectKey],
        cursor: Cursor,
        page: &mut Page,
    ) -> Result<(), Error> {
        for (id, key) in keys.iter().enumerate().skip(cursor.id) {
            let first = if id == cursor.id { cursor.object } else { 0 };
            let Some(found) = cloud.object(key).await? else {
                continue;
            };
            let found = self.with_lists(cloud, vec![found]).await?;
            let Some(found) = found.into_iter().next() else {
                continue;
            };
            let found = sends::counted(cloud, self.account, found).await?;
            if let Some(object) = self.take(found, first, cloud.now(), page) {
                page.next = Some(Cursor {
                    id,
                    object,
                    ..Cursor::default()
                });
                break;
            }
        }
        Ok(())
    }

    /// Stored objects without memberships of lists that were deleted. The lists are read only if
    /// memberships are requested.
    async fn with_lists(&self, cloud: &Cloud, stored: Vec<Element>) -> Result<Vec<Element>, Error> {
        let needed = stored
            .iter()
            .flat_map(|object| self.source.lists_needed(self.request, object));
        let needed: BTreeSet<ObjectKey> = needed.collect();
        if needed.is_empty() {
            return Ok(stored);
        }
        let mut lists = Overlay::new(self.account);
        cloud
            .load_objects(&mut lists, needed.into_iter().collect())
            .await?;
        let current = |object| self.source.with_lists(object, &lists);
        Ok(stored.into_iter().map(current).collect())
    }

    /// Objects of the partition, beginning at the cursor.
    pub(crate) async fn after(
        &self,
        cloud: &Cloud,
        cursor: Cursor,
        page: &mut Page,
    ) -> Result<(), Error> {
        let began = cloud.now();
        let range = self.source.within(self.request.filter.as_ref());
        let is_behind = |sort: &String| range.before.as_ref().is_some_and(|end| sort >= end);
        let mut after = cursor.after.or(range.after);
        loop {
            let partition = &self.source.partition;
            let found = cloud
                .objects_after(partition, after.as_deref(), READ_AT_ONCE)
                .await?;
            let (sorts, objects): (Vec<_>, Vec<_>) = found.objects.into_iter().unzip();
            let objects = self.with_lists(cloud, objects).await?;
            for (sort, object) in sorts.into_iter().zip(objects) {
                if is_behind(&sort) {
                    return Ok(());
                }
                let object = sends::shown(cloud, object).await?;
                let is_begun = cursor.within.as_ref() == Some(&sort);
                let first = if is_begun { cursor.object } else { 0 };
                if let Some(object) = self.take(object, first, began, page) {
                    page.next = Some(Cursor {
                        after,
                        within: Some(sort),
                        object,
                        ..Cursor::default()
                    });
                    return Ok(());
                }
                after = Some(sort);
            }
            if found.next.is_none() {
                return Ok(());
            }
            after = found.next;
            if cloud.now().duration_since(began) > LOOK_MAX {
                page.next = Some(Cursor {
                    after,
                    ..Cursor::default()
                });
                return Ok(());
            }
        }
    }

    /// Adds the requested results of a stored object, beginning at a number. Returns the number of
    /// the first one that did not fit.
    pub(crate) fn take(
        &self,
        stored: Element,
        first: usize,
        now: Timestamp,
        page: &mut Page,
    ) -> Option<usize> {
        let objects = self.source.objects_in(stored, now).into_iter().enumerate();
        for (number, object) in objects.skip(first) {
            let object = match &self.client {
                Some(client) => object.with(client.clone()),
                None => object,
            };
            let filter = self.request.filter.as_ref();
            let is_selected = filter.is_none_or(|filter| filter.admits(&object));
            if is_selected {
                let shown = soap::project(&object, &self.request.properties);
                if page.take(&shown) == PageFit::Full {
                    return Some(number);
                }
            }
        }
        None
    }
}
