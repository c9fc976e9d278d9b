//! Every other object of the protocol: kept, changed, removed and given back, no more.

use soap::Element;

use crate::carry_out::DecisionContext;
use crate::keyed::{self, KeyKind};
use crate::verdict::{Decision, Refused, Stop};

/// Types that are kept without a meaning of their own.
const KEPT: &str = "Account AccountPrivateLabel AccountUser Asset AttributeSet AudienceItem \
Authentication Automation AutomationActivity AutomationActivityInstance AutomationChain \
AutomationInstance AutomationInstances AutomationNotification AutomationTask \
AutomationTaskInstance BaseMOKeyword BounceEvent Brand BrandTag BusinessRule BusinessUnit Campaign \
Category Certificate ClickEvent ContactEvent ContentArea ContentValidation DataExtensionField \
DataExtensionTemplate DataExtractActivity DataFolder DeliveredEvent DeliveryProfile \
DeprecatedEmailSendDefinition DoubleOptInMOKeyword Email EmailSendDefinition ExtractDefinition \
ExtractDescription ExtractTemplate FileTransferActivity FileTransferLocation FileTrigger \
FileTriggerTypeLastPull FilterActivity FilterDefinition ForwardedEmailEvent \
ForwardedEmailOptInEvent GlobalUnsubscribeCategory Group GroupConnectActivity GroupDefinition \
HelpMOKeyword HiveQueryDefinition ImportDefinition ImportDefinitionFieldMap ImportFileDestination \
ImportResultsSummary IntegrationProfile IntegrationProfileDefinition InteractionBaseObject \
InteractionDefinition LandingPage Layout Link LinkSend ListAttribute ListAttributeRestrictedValue \
ListSend ListSubscriber Locale Message MessageSendActivity MessagingVendorKind \
MobileConnectRefreshListActivity MobileConnectSendSmsActivity MobilePushSendMessageActivity \
NotSentEvent ObjectExtension OpenEvent Permission PermissionSet PlatformApplication \
PlatformApplicationPackage Portfolio PrivateDomain PrivateDomainSet PrivateIP \
ProgramManifestTemplate PropertyDefinition PublicKeyManagement Publication PublicationSubscriber \
QueryDefinition ReplyMailManagementConfiguration ReportActivity ResourceSpecification Role \
SMSMOEvent SMSMTEvent SMSSharedKeyword SMSTriggeredSendDefinition SalesforceSendActivity \
ScheduleDefinition SecurityObject Send SendAdditionalAttribute SendClassification SendDefinition \
SendDefinitionList SendEmailMOKeyword SendSMSMOKeyword SendSummary SenderProfile SentEvent \
SmsSendActivity SsoIdentity SubscriberList SubscriberSendResult SuppressionListContext \
SuppressionListData SuppressionListDefinition SurveyEvent Template TimeZone TrackingEvent \
TrackingUser TriggeredSendExclusionList TriggeredSendSummary UnsubEvent \
UnsubscribeFromSMSPublicationMOKeyword UserAccess UsernameAuthentication \
VoiceTriggeredSendDefinition";

/// The server's own records: written by it alone.
const OWN: [&str; 5] = [
    "ResultItem",
    "ResultMessage",
    "AsyncRequestResult",
    "ScheduledRequest",
    "ScheduledConversation",
];

/// Whether objects of this type are kept here.
pub(crate) fn is_kept(type_name: &str) -> bool {
    KEPT.split_ascii_whitespace().any(|kept| kept == type_name)
}

pub(crate) fn decide(context: &DecisionContext<'_>) -> Result<Decision, Stop> {
    let type_name = context.type_name();
    if OWN.contains(&type_name) {
        return Err(context.cannot().into());
    }
    if !is_kept(type_name) {
        // Types that would send something belong here too, as long as they cannot: better refused
        // than kept and never sent.
        let message =
            format!("This operation does not support the APIObject of type [{type_name}]");
        return Err(Refused::new(8, message).into());
    }
    context.fits()?;
    let [created, updated, deleted] = messages(type_name);
    let kind = KeyKind {
        type_name,
        name_field: "Name",
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
    _asked: &DecisionContext<'_>,
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
        _ => (
            204,
            "The object must have a CustomerKey, an ObjectID, an ID or a Name",
        ),
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
