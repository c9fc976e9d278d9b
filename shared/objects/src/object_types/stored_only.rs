//! Every other object of the protocol: kept, changed, removed and given back, no more.

use calls::Method;
use soap::Element;

use crate::context::DecisionContext;
use crate::keyed::{self, KeyKind};
use crate::naming;
use crate::object_type::{ObjectType, Retrieval, Sending, Work};
use crate::saving::Intent;
use crate::verdict::{Decision, Refused, Stop};

/// Types that are kept without a meaning of their own.
const STORED_ONLY: &str = "Account AccountPrivateLabel AccountUser Asset AttributeSet AudienceItem \
Authentication Automation AutomationActivity AutomationActivityInstance AutomationChain \
AutomationInstance AutomationInstances AutomationNotification AutomationTask \
AutomationTaskInstance BaseMOKeyword Brand BrandTag BusinessRule BusinessUnit Campaign \
Category Certificate ClickEvent ContactEvent ContentArea ContentValidation \
DataExtensionTemplate DataFolder DeliveredEvent DeliveryProfile \
DeprecatedEmailSendDefinition DoubleOptInMOKeyword Email ExtractDefinition \
ExtractDescription ExtractTemplate FileTransferActivity FileTransferLocation FileTrigger \
FileTriggerTypeLastPull FilterActivity FilterDefinition ForwardedEmailEvent \
ForwardedEmailOptInEvent GlobalUnsubscribeCategory Group GroupConnectActivity GroupDefinition \
HelpMOKeyword HiveQueryDefinition ImportDefinitionFieldMap ImportFileDestination \
IntegrationProfile IntegrationProfileDefinition InteractionBaseObject \
InteractionDefinition LandingPage Layout Link LinkSend ListAttribute ListAttributeRestrictedValue \
ListSend Locale Message MessageSendActivity MessagingVendorKind \
MobileConnectRefreshListActivity MobileConnectSendSmsActivity MobilePushSendMessageActivity \
ObjectExtension OpenEvent Permission PermissionSet PlatformApplication \
PlatformApplicationPackage Portfolio PrivateDomain PrivateDomainSet PrivateIP \
ProgramManifestTemplate PublicKeyManagement Publication PublicationSubscriber \
QueryDefinition ReplyMailManagementConfiguration ReportActivity ResourceSpecification Role \
SMSMOEvent SMSMTEvent SMSSharedKeyword SalesforceSendActivity \
ScheduleDefinition SecurityObject SendAdditionalAttribute SendClassification SendDefinition \
SendDefinitionList SendEmailMOKeyword SendSMSMOKeyword SendSummary SenderProfile \
SmsSendActivity SsoIdentity SubscriberList SubscriberSendResult SuppressionListContext \
SuppressionListData SurveyEvent Template TimeZone TrackingEvent \
TrackingUser TriggeredSendExclusionList \
UnsubscribeFromSMSPublicationMOKeyword UserAccess UsernameAuthentication";

/// Any of them, for want of a name.
pub(crate) const TYPE: ObjectType = ObjectType {
    name: "APIObject",
    methods: &[Method::Create, Method::Update, Method::Delete],
    actions: &[],
    sending: Sending::Nothing,
    task: None,
    key_field: "CustomerKey",
    work: Work::Whole(decide),
    retrieval: Retrieval::Partition,
    check,
};

/// Types that are looked at and not written: their objects stand in others.
pub(crate) const READ_ONLY: [ObjectType; 2] = [
    ObjectType {
        name: "ListSubscriber",
        methods: &[],
        work: Work::Nothing,
        retrieval: Retrieval::Members,
        ..TYPE
    },
    ObjectType {
        name: "TriggeredSendSummary",
        methods: &[],
        work: Work::Nothing,
        retrieval: Retrieval::Summaries,
        ..TYPE
    },
];

pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    STORED_ONLY.split_ascii_whitespace()
}

/// The type of that name, if objects of it are kept.
pub(crate) fn named(name: &str) -> Option<ObjectType> {
    let name = names().find(|it| *it == name)?;
    Some(ObjectType { name, ..TYPE })
}

/// What names an object that has no key.
pub(crate) const NAME_FIELD: &str = "Name";

/// What is said of an object that nothing names.
pub(crate) const NO_KEY: (u32, &str) = (
    204,
    "The object must have a CustomerKey, an ObjectID, an ID or a Name",
);

fn check(intent: Intent, object: &Element) -> Result<(), Refused> {
    let type_name = object.type_name.as_deref().unwrap_or_default();
    naming::check_named(intent, NAME_FIELD, no_key(type_name), object)
}

pub(crate) fn decide(context: &DecisionContext<'_>) -> Result<Decision, Stop> {
    let type_name = context.type_name();
    context.fits()?;
    let [created, updated, deleted] = messages(type_name);
    let kind = KeyKind {
        type_name,
        name_field: NAME_FIELD,
        no_key: no_key(type_name),
        exists: (
            exists(type_name),
            "An object with this name or CustomerKey already exists",
        ),
        lacking: (lacking(type_name), "The object was not found"),
        created: &created,
        updated: &updated,
        deleted: &deleted,
    };
    keyed::decide(context, &kind, keep)
}

fn keep(
    _request: &DecisionContext<'_>,
    _stored: Option<&Element>,
    _becomes: &mut Element,
) -> Result<(), Stop> {
    Ok(())
}

fn messages(type_name: &str) -> [String; 3] {
    match type_name {
        "ImportDefinition" => {
            ["created", "updated", "deleted"].map(|did| format!("ImportDefinition {did}."))
        }
        "DataFolder" => {
            ["created", "updated", "deleted"].map(|did| format!("Folder {did} successfully."))
        }
        "FilterActivity" => {
            ["Created", "Updated", "Deleted"].map(|did| format!("FilterActivity {did}"))
        }
        "AccountUser" => ["Created", "Updated", "Deleted"].map(|did| format!("Account User {did}")),
        _ => ["created", "updated", "deleted"].map(|did| format!("{type_name} {did}")),
    }
}

fn no_key(type_name: &str) -> (u32, &'static str) {
    match type_name {
        "ImportDefinition" => (43000, "The CustomerKey of the ImportDefinition is missing"),
        _ => NO_KEY,
    }
}

fn exists(type_name: &str) -> u32 {
    if type_name == "ImportDefinition" {
        43030
    } else {
        1
    }
}

fn lacking(type_name: &str) -> u32 {
    if type_name == "ImportDefinition" {
        43010
    } else {
        3
    }
}
