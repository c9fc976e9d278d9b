"""Tests the tests: breaks the template in one way after the other, and wants the check that it is
meant for to say so. Environment: TEMPLATE, and FOLDER for the broken ones.
"""

import copy
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from samtranslator.yaml_helper import yaml_parse

HERE = Path(__file__).resolve().parent
FOLDER = Path(os.environ["FOLDER"])
TEMPLATE = yaml_parse(Path(os.environ["TEMPLATE"]).read_text())

FAULTS = []


def fault(caught_by):
    def keep(break_it):
        FAULTS.append((break_it.__name__, break_it, caught_by))
        return break_it

    return keep


def properties(template, name):
    return template["Resources"][name]["Properties"]


def variables(template):
    return template["Globals"]["Function"]["Environment"]["Variables"]


def statement(template, role, sid):
    statements = properties(template, role)["Policies"][0]["PolicyDocument"]["Statement"]
    return next(it for it in statements if it["Sid"] == sid)


@fault("test_template_and_settings_name_the_same_variables")
def a_variable_is_forgotten(template):
    del variables(template)["BODIES_BUCKET"]


@fault("test_template_and_settings_name_the_same_variables")
def a_variable_that_nobody_reads(template):
    variables(template)["UNREAD_VARIABLE"] = "x"


@fault("test_template_and_settings_name_the_same_variables")
def callbacks_to_private_addresses(template):
    variables(template)["ALLOW_HTTP_CALLBACKS"] = "true"


@fault("test_variables_point_to_what_they_are_named_after")
def two_queues_are_swapped(template):
    variables(template)["LOW_QUEUE_URL"] = {"Ref": "HighQueue"}


@fault("test_each_has_a_role_and_logs_of_its_own")
def two_functions_share_a_role(template):
    properties(template, "TimekeeperFunction")["Role"] = {"Fn::GetAtt": ["IngestRole", "Arn"]}


@fault("test_ingest_gives_up_before_the_front_door")
def ingest_outlives_the_front_door(template):
    properties(template, "IngestFunction")["Timeout"] = 30


@fault("test_logs_are_not_kept_for_ever")
def logs_for_ever(template):
    del properties(template, "NotifierLogs")["RetentionInDays"]


@fault("test_every_queue_has_dead_letters")
def no_dead_letters(template):
    properties(template, "LowQueue")["RedrivePolicy"]["deadLetterTargetArn"] = {"Fn::GetAtt": ["HighDeadLetters", "Arn"]}


@fault("test_queues_keep_the_order_of_groups_and_run_groups_side_by_side")
def groups_wait_for_each_other(template):
    properties(template, "HighQueue")["FifoThroughputLimit"] = "perQueue"


@fault("test_every_queue_is_taken_from_by_one_function")
def a_queue_that_nobody_drains(template):
    del properties(template, "ProcessorFunction")["Events"]["Medium"]


@fault("test_messages_stay_invisible_for_the_timeout_and_thirty_seconds")
def messages_come_back_too_soon(template):
    properties(template, "ProcessorFunction")["Timeout"] = 61


@fault("test_a_failed_message_does_not_take_its_batch_with_it")
def a_batch_fails_as_one(template):
    del properties(template, "NotifierFunction")["Events"]["Replies"]["Properties"]["FunctionResponseTypes"]


@fault("test_each_priority_has_a_concurrency_of_its_own")
def low_runs_as_wide_as_high(template):
    scaling = properties(template, "ProcessorFunction")["Events"]["Low"]["Properties"]["ScalingConfig"]
    scaling["MaximumConcurrency"] = {"Ref": "HighConcurrency"}


@fault("test_t02_no_wildcards")
def any_action(template):
    statement(template, "IngestRole", "Calls")["Action"] = "dynamodb:*"


@fault("test_t02_no_wildcards")
def any_resource(template):
    statement(template, "IngestRole", "WakeUps")["Resource"] = "*"


@fault("test_only_ingest_opens_passwords_and_only_where_there_is_a_key")
def passwords_open_without_their_context(template):
    del properties(template, "IngestPasswordKey")["PolicyDocument"]["Statement"][0]["Condition"]


@fault("test_what_is_allowed_is_what_the_code_asks_for")
def a_right_that_nobody_uses(template):
    statement(template, "ProcessorRole", "Calls")["Action"].append("dynamodb:Scan")


@fault("test_schedules_may_only_wake_conversations_up")
def schedules_may_send_replies(template):
    statement(template, "ScheduleRole", "WakeUps")["Resource"].append({"Fn::GetAtt": ["RepliesQueue", "Arn"]})


@fault("test_only_the_schedule_role_is_passed_and_only_to_the_scheduler")
def a_role_is_passed_to_anybody(template):
    del statement(template, "ProcessorRole", "HandScheduleRoleOn")["Condition"]


@fault("test_only_the_notifier_mails_and_only_as_the_sender_or_its_domain")
def mails_as_anybody(template):
    statement(template, "NotifierRole", "Mail")["Resource"] = [
        {"Fn::Sub": "arn:${AWS::Partition}:ses:${AWS::Region}:${AWS::AccountId}:identity/example.com"}
    ]


@fault("test_who_reaches_backends_does_so_from_the_subnets_that_were_named")
def backends_see_another_address_of_the_processor(template):
    del template["Resources"]["ProcessorFunction"]["Properties"]["VpcConfig"]


@fault("test_who_reaches_backends_does_so_from_the_subnets_that_were_named")
def a_network_is_wanted_that_the_role_may_not_make(template):
    policies = template["Resources"]["TimekeeperRole"]["Properties"]["Policies"]
    template["Resources"]["TimekeeperRole"]["Properties"]["Policies"] = [it for it in policies if "Fn::If" not in it]


@fault("test_only_ingest_opens_passwords_and_only_where_there_is_a_key")
def another_function_opens_passwords(template):
    template["Resources"]["IngestPasswordKey"]["Properties"]["RoleName"] = {"Ref": "ProcessorRole"}


@fault("test_only_ingest_opens_passwords_and_only_where_there_is_a_key")
def passwords_are_opened_for_nobody_in_particular(template):
    [it, _] = template["Resources"]["IngestPasswordKey"]["Properties"]["PolicyDocument"]["Statement"]
    del it["Condition"]["Null"]["kms:EncryptionContext:user"]


@fault("test_takers_of_a_queue_may_take_and_no_one_else_may")
def ingest_may_take_messages(template):
    statement(template, "IngestRole", "WakeUps")["Action"] = [
        "sqs:SendMessage", "sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"
    ]


@fault("test_tables_are_kept_and_can_be_restored")
def a_table_goes_with_the_stack(template):
    template["Resources"]["CallsTable"]["DeletionPolicy"] = "Delete"


@fault("test_tables_are_kept_and_can_be_restored")
def a_table_cannot_be_restored(template):
    del properties(template, "ObjectsTable")["Replicas"][0]["PointInTimeRecoverySpecification"]


@fault("test_tables_are_kept_and_can_be_restored")
def a_table_of_one_region_for_ever(template):
    template["Resources"]["CallsTable"]["Type"] = "AWS::DynamoDB::Table"


@fault("test_tables_are_kept_and_can_be_restored")
def records_stay_for_ever(template):
    del properties(template, "CallsTable")["TimeToLiveSpecification"]


@fault("test_the_indexes_have_nothing_but_keys")
def an_index_under_another_name(template):
    properties(template, "CallsTable")["GlobalSecondaryIndexes"][0]["IndexName"] = "by-due"


@fault("test_the_indexes_have_nothing_but_keys")
def lists_with_all_that_changes(template):
    properties(template, "CallsTable")["GlobalSecondaryIndexes"][1]["Projection"] = {"ProjectionType": "ALL"}


@fault("test_bodies_outlive_the_results_that_need_them")
def bodies_go_before_their_results(template):
    properties(template, "BodiesBucket")["LifecycleConfiguration"]["Rules"][0]["ExpirationInDays"] = 90


@fault("test_the_bucket_drops_what_has_the_tag_that_the_code_writes")
def what_waits_expires_by_its_age(template):
    del properties(template, "BodiesBucket")["LifecycleConfiguration"]["Rules"][0]["TagFilters"]


@fault("test_t04_the_bucket_is_private")
def a_bucket_for_everybody(template):
    properties(template, "BodiesBucket")["PublicAccessBlockConfiguration"]["BlockPublicPolicy"] = False


@fault("test_t04_queues_and_buckets_are_there_only_over_tls")
def dead_letters_without_tls(template):
    properties(template, "QueuesPolicy")["Queues"].remove({"Ref": "LowDeadLetters"})


@fault("test_t04_queues_and_buckets_are_there_only_over_tls")
def a_bucket_without_tls(template):
    del template["Resources"]["BodiesBucketPolicy"]


@fault("test_t04_queues_and_buckets_are_there_only_over_tls")
def tls_for_some_only(template):
    [it] = properties(template, "QueuesPolicy")["PolicyDocument"]["Statement"]
    it["Action"] = "sqs:SendMessage"


@fault("test_a_second_stack_finds_no_name_taken")
def a_schedule_that_sam_names(template):
    del properties(template, "TimekeeperFunction")["Events"]["Minute"]["Properties"]["Name"]


@fault("test_t04_what_is_at_rest_is_encrypted")
def a_queue_in_the_clear(template):
    properties(template, "RepliesQueue")["SqsManagedSseEnabled"] = False


@fault("test_what_costs_money_is_tagged")
def a_table_without_tags(template):
    del properties(template, "AccountsTable")["Replicas"][0]["Tags"]


@fault("test_outputs_tell_what_clients_and_the_operator_need")
def an_output_of_another_path(template):
    template["Outputs"]["WsdlUrl"]["Value"]["Fn::If"][2] = {"Fn::Sub": "${Api.ApiEndpoint}/wsdl"}


@fault("test_an_own_address_is_optional")
def an_own_address_is_needed(template):
    del template["Resources"]["ApiDomain"]["Condition"]


@fault("test_schedule_expressions")
def a_minute_in_the_plural(template):
    properties(template, "TimekeeperFunction")["Events"]["Minute"]["Properties"]["ScheduleExpression"] = "rate(1 minutes)"


@fault("test_json_inside_strings")
def a_log_format_that_is_no_json(template):
    logs = properties(template, "Api")["AccessLogSettings"]
    logs["Format"] = logs["Format"].replace('",', '"', 1)


@fault("test_only_the_mail_sender_needs_an_answer")
def another_question(template):
    del template["Parameters"]["LogRetentionDays"]["Default"]


@fault("test_the_form_asks_for_every_parameter_once")
def a_parameter_that_the_form_forgets(template):
    template["Parameters"]["Another"] = {"Type": "String", "Default": "", "Description": "Another one."}


@fault("test_every_thing_that_can_fail_is_watched")
def a_queue_that_nobody_watches(template):
    del template["Resources"]["LowBacklogAlarm"]


@fault("test_every_thing_that_can_fail_is_watched")
def an_index_whose_throttles_nobody_sees(template):
    metrics = properties(template, "CallsTableAlarm")["Metrics"]
    del metrics[-1]


@fault("test_nobody_is_called_for_nothing")
def an_alarm_that_counts_what_is_held(template):
    properties(template, "HighDeadLettersAlarm")["MetricName"] = "ApproximateAgeOfOldestMessage"


@fault("test_nobody_is_called_for_nothing")
def an_alarm_that_rings_at_night_without_traffic(template):
    properties(template, "UnansweredAlarm")["TreatMissingData"] = "breaching"


@fault("test_a_timekeeper_that_is_dead_is_missed")
def a_timekeeper_that_nobody_misses(template):
    properties(template, "TimekeeperSilentAlarm")["ComparisonOperator"] = "GreaterThanThreshold"


@fault("test_what_is_looked_for_in_logs_is_what_is_logged")
def a_line_that_nobody_writes(template):
    properties(template, "UnansweredMetric")["FilterPattern"] = '"request was not answered at all"'


@fault("test_every_alarm_links_to_its_section_for_the_operator")
def an_alarm_without_a_section(template):
    template["Resources"]["StrangeAlarm"] = template["Resources"]["LowBacklogAlarm"]


@fault("test_every_alarm_links_to_its_section_for_the_operator")
def an_alarm_that_links_nowhere(template):
    properties(template, "SchedulesAlarm")["AlarmDescription"] = "Schedules fail. See docs/operating.md#elsewhere"


def dashboard(template):
    """The text that the dashboard is made of, which is the first of two."""
    return properties(template, "Dashboard")["DashboardBody"]["Fn::Sub"]


@fault("test_every_thing_that_can_fail_is_watched")
def unknown_mails_that_nobody_is_told_of(template):
    metrics = properties(template, "UnknownAlarm")["Metrics"]
    metrics.remove(next(it for it in metrics if it["Id"] == "mails"))


@fault("test_every_thing_that_can_fail_is_watched")
def an_alarm_on_a_metric_that_nobody_writes(template):
    properties(template, "HighOverdueAlarm")["MetricName"] = "OldestDueUrgent"


@fault("test_nobody_is_called_for_nothing")
def overdue_calls_that_ring_where_nothing_is_due(template):
    properties(template, "LowOverdueAlarm")["TreatMissingData"] = "breaching"


@fault("test_every_alarm_links_to_its_section_for_the_operator")
def failed_logins_without_a_section(template):
    properties(template, "FailedLoginsAlarm")["AlarmDescription"] = "Many logins fail. See docs/operating.md#errors"


@fault("test_all_that_is_counted_is_on_the_dashboard_and_nothing_else")
def a_metric_that_nobody_sees(template):
    body = dashboard(template)
    body[0] = body[0].replace('"RepliesGivenUp"', '"RepliesFailed"')


@fault("test_expressions_of_the_dashboard_use_what_is_there")
def waiting_that_is_summed_of_nothing(template):
    body = dashboard(template)
    body[0] = body[0].replace('"id": "low_held"', '"id": "low_parked"')


@fault("test_what_the_dashboard_names_is_there")
def a_table_that_is_not_there(template):
    dashboard(template)[1]["CallsTableName"] = {"Ref": "ObjectsTable"}


@fault("test_the_dashboard_shows_every_alarm")
def an_alarm_that_the_dashboard_forgets(template):
    body = dashboard(template)
    body[0] = body[0].replace('"${UnknownAlarm.Arn}"', '"${SchedulesAlarm.Arn}"')


@fault("test_the_estimate_is_made_with_the_list_prices")
def an_estimate_of_last_years_prices(template):
    body = dashboard(template)
    body[0] = body[0].replace("* 0.625", "* 1.25")


@fault("test_one_parameter_turns_metrics_dashboard_and_their_alarms_off")
def alarms_on_metrics_that_are_turned_off(template):
    del template["Resources"]["FailedRepliesAlarm"]["Condition"]


@fault("test_one_parameter_turns_metrics_dashboard_and_their_alarms_off")
def metrics_that_cannot_be_turned_off(template):
    variables(template)["METRICS_NAMESPACE"] = {"Fn::Sub": "Aftercall/${AWS::StackName}"}


@fault("test_tracing_is_off_until_it_is_asked_for")
def traces_for_everybody(template):
    template["Parameters"]["Tracing"]["Default"] = "true"


@fault("test_tracing_is_off_until_it_is_asked_for")
def traces_that_a_role_may_not_write(template):
    policies = properties(template, "NotifierRole")["Policies"]
    properties(template, "NotifierRole")["Policies"] = [it for it in policies if it.get("Fn::If", [""])[0] != "HasTracing"]


@fault("test_what_needs_no_login_is_throttled_by_itself")
def a_health_that_is_asked_as_often_as_anybody_likes(template):
    del properties(template, "Api")["RouteSettings"]["GET /health"]


@fault("test_each_has_memory_of_its_own")
def a_function_that_costs_more_than_is_counted(template):
    properties(template, "ProcessorFunction")["MemorySize"] = 512


@fault("test_all_of_them_fit_into_a_new_account")
def more_at_once_than_a_new_account_may(template):
    template["Parameters"]["HighConcurrency"]["Default"] = 5


@fault("test_a_minute_that_fails_is_not_made_up_for_later")
def minutes_that_are_repeated(template):
    properties(template, "TimekeeperFunction")["EventInvokeConfig"]["MaximumRetryAttempts"] = 2


@fault("test_the_platform_says_no_more_than_is_asked_for")
def a_platform_that_talks(template):
    del properties(template, "IngestFunction")["LoggingConfig"]["SystemLogLevel"]


@fault("test_what_needs_no_login_is_throttled_by_itself")
def a_wsdl_as_often_as_anything(template):
    del properties(template, "Api")["RouteSettings"]["GET /{proxy+}"]


@fault("test_what_needs_no_login_is_throttled_by_itself")
def states_as_seldom_as_the_wsdl(template):
    del properties(template, "IngestFunction")["Events"]["State"]


@fault("test_there_is_one_address_only")
def a_second_way_in(template):
    del properties(template, "Api")["DisableExecuteApiEndpoint"]


@fault("test_a_function_url_is_off_until_it_is_asked_for_and_then_everybody_may_call_it")
def a_function_url_that_answers_403(template):
    del template["Resources"]["IngestUrlInvokePermission"]


@fault("test_a_function_url_is_off_until_it_is_asked_for_and_then_everybody_may_call_it")
def a_function_that_anybody_in_aws_may_invoke(template):
    del properties(template, "IngestUrlInvokePermission")["InvokedViaFunctionUrl"]


@fault("test_there_is_one_address_only")
def an_api_beside_a_function_url(template):
    template["Conditions"]["ClosesApi"]["Fn::Or"] = [{"Condition": "HasDomain"}, {"Condition": "HasDomain"}]


@fault("test_the_front_door_is_watched_whichever_it_is")
def a_function_url_that_nobody_watches(template):
    properties(template, "RequestsAlarm")["MetricName"] = "Count"


@fault("test_the_dashboard_shows_the_front_door_that_is_open")
def a_dashboard_of_the_api_alone(template):
    dashboard(template)[1]["FrontDoorRequests"] = {"Fn::If": ["HasFunctionUrl", "Count", "Count"]}


@fault("test_own_addresses_are_told_to_who_calls_back")
def a_function_url_that_may_be_called_back(template):
    hosts = properties(template, "ProcessorFunction")["Environment"]["Variables"]["OWN_HOSTS"]
    del hosts["Fn::Join"][1][3]


@fault("test_own_addresses_are_told_to_who_calls_back")
def a_domain_that_may_be_called_back(template):
    hosts = properties(template, "NotifierFunction")["Environment"]["Variables"]["OWN_HOSTS"]
    del hosts["Fn::Join"][1][1]


@fault("test_own_addresses_are_told_to_who_calls_back")
def a_function_that_is_not_told_the_address_of_the_api(template):
    del properties(template, "ProcessorFunction")["Environment"]


@fault("test_access_logs_lie_where_their_policy_does_not_grow")
def access_logs_elsewhere(template):
    properties(template, "ApiLogs")["LogGroupName"] = {"Fn::Sub": "/aftercall/${AWS::StackName}/api"}


@fault("test_a_key_of_the_customers_own_is_used_for_tables_alone")
def a_tables_key_for_anything(template):
    del template["Resources"]["NotifierTablesKey"]["Properties"]["PolicyDocument"]["Statement"][0]["Condition"]["StringEquals"]


@fault("test_who_faces_the_internet_makes_no_account_and_touches_no_switch")
def ingest_may_write_accounts(template):
    del statement(template, "IngestRole", "TokensNoncesAndRateLimits")["Condition"]


@fault("test_who_faces_the_internet_makes_no_account_and_touches_no_switch")
def ingest_may_write_the_switch(template):
    keys = statement(template, "IngestRole", "TokensNoncesAndRateLimits")["Condition"]["ForAllValues:StringLike"]
    keys["dynamodb:LeadingKeys"].append("S*")


@fault("test_who_faces_the_internet_makes_no_account_and_touches_no_switch")
def the_timekeeper_may_write_the_switch(template):
    statement(template, "TimekeeperRole", "Accounts")["Action"] = ["dynamodb:GetItem", "dynamodb:PutItem"]


@fault("test_a_first_deployment_that_fails_takes_its_tables_back")
def tables_that_a_rollback_cannot_delete(template):
    template["Parameters"]["DeletionProtection"]["Default"] = "true"


@fault("test_tables_and_a_bucket_that_are_there_can_be_attached")
def an_attached_table_that_nobody_is_told(template):
    variables(template)["CALLS_TABLE"] = {"Ref": "CallsTable"}


@fault("test_tables_and_a_bucket_that_are_there_can_be_attached")
def an_attached_table_without_its_index(template):
    statement(template, "TimekeeperRole", "Due")["Resource"]["Fn::If"][2] = statement(
        template, "TimekeeperRole", "Calls"
    )["Resource"]["Fn::If"][2]


@fault("test_no_account_number_and_no_key")
def an_account_number(template):
    template["Description"] = "For 123456789012."


@fault("test_what_ses_tells_of_mails_reaches_the_notifier_or_a_person")
def mail_events_of_everybody(template):
    events = properties(template, "NotifierFunction")["Events"]["MailEvents"]["Properties"]
    del events["Pattern"]["detail"]


@fault("test_what_ses_tells_of_mails_reaches_the_notifier_or_a_person")
def mail_events_that_are_lost(template):
    del properties(template, "NotifierFunction")["EventInvokeConfig"]["DestinationConfig"]


@fault("test_what_is_told_of_texts_reaches_the_notifier_or_a_person")
def text_events_of_everybody(template):
    events = properties(template, "NotifierFunction")["Events"]["TextEvents"]["Properties"]
    del events["Pattern"]["detail"]["context"]


@fault("test_texts_and_calls_are_off_until_somebody_names_their_senders")
def texts_from_any_number(template):
    policy = properties(template, "NotifierTexts")["PolicyDocument"]
    policy["Statement"][0]["Resource"] = {"Fn::Sub": "arn:${AWS::Partition}:sms-voice:${AWS::Region}:${AWS::AccountId}:phone-number/x"}


@fault("test_links_in_mails_lead_to_the_front_door")
def links_that_lead_nowhere(template):
    del properties(template, "NotifierFunction")["Environment"]["Variables"]["UNSUBSCRIBE_URL"]


def check(name, template):
    """What check.py says of a template."""
    broken, translated = FOLDER / f"{name}.json", FOLDER / f"{name}.translated.json"
    broken.write_text(json.dumps(template))
    subprocess.run([sys.executable, HERE / "translate.py", broken, translated], check=True)
    environment = {**os.environ, "TEMPLATE": str(broken), "TRANSLATED": str(translated)}
    done = subprocess.run([sys.executable, HERE / "check.py"], env=environment, capture_output=True, text=True)
    return done.stderr


def judge(one):
    name, break_it, caught_by = one
    template = copy.deepcopy(TEMPLATE)
    break_it(template)
    said = check(name, template)
    if f"FAIL: {caught_by}" in said or f"ERROR: {caught_by}" in said:
        return None
    return f"{name}: {caught_by} does not see it\n{said[-2000:]}"


def main():
    # Without a fault nothing is said, or what follows proves nothing.
    if "\nOK" not in check("whole", TEMPLATE):
        sys.exit("the whole template does not pass its checks")
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        missed = [it for it in pool.map(judge, FAULTS) if it]
    unproven = {name for name in dir_of_tests() if name not in {caught_by for _, _, caught_by in FAULTS}}
    print(f"{len(FAULTS)} faults, {len(FAULTS) - len(missed)} seen; no fault for: {', '.join(sorted(unproven)) or 'none'}")
    sys.exit("\n".join(missed) or 0)


def dir_of_tests():
    return [line.split("(")[0].split()[1] for line in (HERE / "check.py").read_text().splitlines() if "def test_" in line]


main()
