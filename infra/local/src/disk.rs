//! Puts on the disk what was committed: one sync for all that came before it.
//!
//! A commit is visible at once and on the disk a little later. Nothing that rests on it may leave
//! this process before that - no answer, no callback, no mail - so whoever lets something out waits
//! here first. If the power goes, what is lost was seen by nobody outside: the table is as it was
//! some milliseconds earlier, and everything that was answered is in it.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::{Arc, Mutex, mpsc};

use anyhow::Context;
use tokio::sync::watch;

use crate::held;

/// The log that commits are appended to. Clones share it.
#[derive(Clone, Debug)]
pub(crate) struct Disk {
    progress: Arc<Mutex<SyncProgress>>,
    /// Wakes the thread that syncs; without it, the thread ends.
    wanted: mpsc::Sender<()>,
    /// The last sync that has ended. Closed once a sync has failed: after that it is not known what
    /// is on the disk, and nothing more may leave.
    ended: watch::Receiver<u64>,
}

#[derive(Debug, Default)]
struct SyncProgress {
    /// Writes in progress: they may be visible before they are marked.
    writing: usize,
    /// Whether anything was committed since the last sync began.
    dirty: bool,
    syncing: bool,
    /// Syncs that have begun, counted; and the last one that is waited for.
    begun: u64,
    awaited: u64,
}

/// A write in progress.
#[derive(Debug)]
pub(crate) struct DiskWriter(Arc<Mutex<SyncProgress>>);

impl Drop for DiskWriter {
    fn drop(&mut self) {
        let mut progress = held(&self.0);
        progress.writing -= 1;
        progress.dirty = true;
    }
}

impl Disk {
    /// `log`: the file that holds what was committed, from now until the process ends.
    pub(crate) fn new(log: &Path) -> anyhow::Result<Self> {
        let opened =
            |path: &Path| File::open(path).with_context(|| format!("opening {}", path.display()));
        let file = opened(log)?;
        // A file whose name is not on the disk would be gone with all that is in it.
        if let Some(folder) = log.parent() {
            opened(folder)?.sync_all()?;
        }
        let progress: Arc<Mutex<SyncProgress>> = Arc::default();
        let (wanted, wishes) = mpsc::channel();
        let (ended_sender, ended) = watch::channel(0);
        let shared = progress.clone();
        std::thread::Builder::new()
            .name("disk".to_owned())
            .spawn(move || sync_whenever(&wishes, &file, &shared, &ended_sender))?;
        Ok(Self {
            progress,
            wanted,
            ended,
        })
    }

    /// Held while something is written.
    pub(crate) fn writing(&self) -> DiskWriter {
        held(&self.progress).writing += 1;
        DiskWriter(self.progress.clone())
    }

    /// Waits until everything that is visible is on the disk.
    pub(crate) async fn reached(&self) -> anyhow::Result<()> {
        let Some(sync) = self.sync_to_wait_for()? else {
            return Ok(());
        };
        let mut ended = self.ended.clone();
        let waited = ended.wait_for(|ended| *ended >= sync).await;
        waited.map(drop).context("the disk has failed")
    }

    /// The number of the sync that will include everything; none: it is on the disk.
    fn sync_to_wait_for(&self) -> anyhow::Result<Option<u64>> {
        let mut progress = held(&self.progress);
        if progress.writing == 0 && !progress.dirty {
            return Ok(progress.syncing.then_some(progress.begun));
        }
        // A sync in progress may have begun before the write.
        let next = progress.begun + 1;
        if progress.awaited < next {
            progress.awaited = next;
            self.wanted.send(()).context("the disk has failed")?;
        }
        Ok(Some(next))
    }
}

/// Until nobody can need it any more, or the disk fails.
fn sync_whenever(
    wishes: &mpsc::Receiver<()>,
    log: &File,
    progress: &Mutex<SyncProgress>,
    ended_sender: &watch::Sender<u64>,
) {
    while wishes.recv().is_ok() {
        let begun = {
            let mut progress = held(progress);
            progress.begun += 1;
            progress.dirty = false;
            progress.syncing = true;
            progress.begun
        };
        if let Err(error) = log.sync_data() {
            tracing::error!(%error, "the disk has failed; nothing is answered any more");
            return;
        }
        held(progress).syncing = false;
        ended_sender.send_replace(begun);
    }
}

/// Writes a file beside its place and moves it there, so that no half of it is ever seen. On the
/// disk when it returns.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let new = path.with_extension("new");
    let mut file = File::create(&new)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    std::fs::rename(&new, path)?;
    path.parent()
        .map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::Disk;

    fn disk(name: &str) -> Disk {
        let log = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
        assert!(log.exists(), "{name} needs any file at all");
        Disk::new(&log).expect("a disk")
    }

    #[tokio::test]
    async fn what_was_written_is_reached_by_a_sync_that_began_later() {
        let disk = disk("writing");
        disk.reached().await.expect("nothing to do");
        assert_eq!(
            *disk.ended.borrow(),
            0,
            "nothing was written, nothing is synced"
        );
        drop(disk.writing());
        disk.reached().await.expect("a sync");
        assert_eq!(*disk.ended.borrow(), 1);
        disk.reached().await.expect("nothing to do");
        assert_eq!(*disk.ended.borrow(), 1, "one sync is enough for a write");
    }

    #[tokio::test]
    async fn a_write_under_way_may_be_visible_already() {
        let disk = disk("seeing");
        let writing = disk.writing();
        disk.reached().await.expect("a sync");
        assert_eq!(*disk.ended.borrow(), 1);
        drop(writing);
        disk.reached().await.expect("a sync");
        assert_eq!(
            *disk.ended.borrow(),
            2,
            "the first sync may have begun before it was there"
        );
    }

    #[tokio::test]
    async fn many_who_wait_share_a_sync() {
        let disk = disk("sharing");
        drop(disk.writing());
        let all = (0..100).map(|_| {
            let disk = disk.clone();
            tokio::spawn(async move { disk.reached().await })
        });
        for one in all.collect::<Vec<_>>() {
            one.await.expect("a task").expect("a sync");
        }
        assert!(*disk.ended.borrow() <= 2);
    }
}
