"""zeep in strict mode: the client that accepts nothing but what the WSDL says."""

import base64
import io
import os
import unittest
import uuid
import zipfile
from datetime import datetime, timedelta, timezone

from lxml import etree
from zeep import Client
from zeep.exceptions import Fault
from zeep.wsse.username import UsernameToken

from stage import BASE, CALLBACK_FIELDS, CLOCK_IS_REAL, Receiver, advance, did, get, mails_to, new, post, texts_to, token, until

PARTNER = "{http://exacttarget.com/wsdl/partnerAPI}"


class Zeep(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.client = Client(BASE + "/etframework.wsdl")
        cls.receiver = Receiver()
        cls.token = token()

    @classmethod
    def tearDownClass(cls):
        cls.receiver.close()

    # What the stories below are written with -------------------------------------------------------

    def type(self, name, **fields):
        return self.client.get_type(PARTNER + name)(**fields)

    def header(self, text=None):
        element = etree.Element("{http://exacttarget.com}fueloauth")
        element.text = text or self.token
        return [element]

    def create(self, *objects, **options):
        return self.client.service.Create(
            Options=self.type("CreateOptions", **options), Objects=list(objects), _soapheaders=self.header()
        )

    def update(self, *objects, **options):
        return self.client.service.Update(
            Options=self.type("UpdateOptions", **options), Objects=list(objects), _soapheaders=self.header()
        )

    def delete(self, *objects, **options):
        return self.client.service.Delete(
            Options=self.type("DeleteOptions", **options), Objects=list(objects), _soapheaders=self.header()
        )

    def retrieve(self, object_type, properties, filter=None, **more):
        request = self.type(
            "RetrieveRequest", ObjectType=object_type, Properties=properties, Filter=filter, **more
        )
        return self.client.service.Retrieve(RetrieveRequest=request, _soapheaders=self.header())

    def equals(self, name, value):
        return self.type("SimpleFilterPart", Property=name, SimpleOperator="equals", Value=[value])

    def results_of(self, object_type, request_id, *properties):
        answer = self.retrieve(object_type, list(properties), self.equals("RequestID", request_id))
        self.assertEqual("OK", answer.OverallStatus)
        return answer.Results

    def ended(self, request_id):
        def ask():
            [state] = self.results_of("AsyncRequestResult", request_id, "Status", "CallStatus", "CallMessage")
            return state.Status not in ("Gathering", "Scheduled", "Queued", "Processing") and state

        return until(f"call {request_id} to end", ask)

    def subscriber(self, key, **fields):
        return self.type("Subscriber", SubscriberKey=key, EmailAddress=f"{key}@example.com", **fields)

    def calls_back(self, path, when="OnCallComplete", **fields):
        return self.type(
            "AsyncResponse",
            ResponseType="HTTPPost",
            ResponseAddress=self.receiver.url + path,
            RespondWhen=when,
            **fields,
        )

    def property(self, name, value):
        return self.type("APIProperty", Name=name, Value=value)

    def row(self, extension, **values):
        properties = [self.property(name, value) for name, value in values.items()]
        return self.type("DataExtensionObject", CustomerKey=extension, Properties={"Property": properties})

    def extension(self):
        """A new data extension with the text Id as its key, and a Name."""
        key = new("extension")
        fields = [
            self.type(
                "DataExtensionField", Name="Id", FieldType="Text", MaxLength=50, IsPrimaryKey=True, IsRequired=True
            ),
            self.type("DataExtensionField", Name="Name", FieldType="Text", MaxLength=100),
        ]
        answer = self.create(self.type("DataExtension", CustomerKey=key, Name=key, Fields={"Field": fields}))
        self.assertEqual("OK", answer.OverallStatus, answer)
        return key

    def accepted(self, answer):
        self.assertEqual("OK", answer.OverallStatus, answer)
        for result in answer.Results:
            self.assertEqual(("OK", "Queued"), (result.StatusCode, result.StatusMessage))
        self.assertRegex(answer.RequestID, r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")
        return answer.RequestID

    # The stories -------------------------------------------------------------------------------------

    def test_a_token_comes_with_the_urls_to_use_it_at(self):
        status, answer = post(
            "/v2/token", {"grant_type": "client_credentials", "client_id": "local", "client_secret": "local"}
        )
        self.assertEqual(200, status)
        self.assertEqual("Bearer", answer["token_type"])
        self.assertGreater(answer["expires_in"], 300)
        self.assertLessEqual(len(answer["access_token"]), 512)
        self.assertEqual(BASE + "/", answer["soap_instance_url"])
        self.assertTrue(answer["rest_instance_url"].endswith("/"))

        status, answer = post(
            "/v2/token", {"grant_type": "client_credentials", "client_id": "local", "client_secret": "wrong"}
        )
        self.assertEqual((401, "invalid_client"), (status, answer["error"]))

    def test_the_wsdl_names_our_own_address(self):
        self.assertIn(b"/Service.asmx", get("/etframework.wsdl"))
        [service] = self.client.wsdl.services.values()
        [port] = service.ports.values()
        self.assertEqual(BASE + "/Service.asmx", port.binding_options["address"])

    def test_a_conversation_of_three_runs_in_order_however_it_arrives(self):
        conversation, path = new("conversation"), "/" + new("callback")
        keys = {place: new(f"part{place}") for place in (1, 2, 3)}
        requests = {}
        for place in (3, 1, 2):
            if place == 2:
                self.nothing_has_run(conversation, requests, path)
            answer = self.create(
                self.subscriber(keys[place]),
                RequestType="Asynchronous",
                ConversationID=conversation,
                SequenceCode=place,
                CallsInConversation=3,
                QueuePriority="High",
                SendResponseTo=[self.calls_back(path, IncludeResults=True)],
            )
            requests[place] = self.accepted(answer)

        callbacks = self.receiver.wait(path, 3)
        self.assertEqual(["1", "2", "3"], [callback["SequenceCode"] for callback in callbacks])
        for place, callback in zip((1, 2, 3), callbacks):
            self.is_callback(callback, conversation, requests[place])

        for place, request in requests.items():
            state = self.ended(request)
            self.assertEqual(("Complete", "OK"), (state.Status, state.CallStatus))
            [item] = self.results_of("ResultItem", request, "StatusCode", "StatusMessage", "OrdinalID", "RequestID")
            self.assertEqual(("OK", 0), (item.StatusCode, item.OrdinalID))
        answer = self.retrieve(
            "ResultMessage",
            ["RequestID", "ConversationID", "OverallStatusCode", "SequenceCode", "CallsInConversation"],
            self.equals("ConversationID", conversation),
        )
        retrieved = {message.SequenceCode: message.RequestID for message in answer.Results}
        self.assertEqual(requests, retrieved)
        self.assertEqual({3}, {message.CallsInConversation for message in answer.Results})
        for key in keys.values():
            answer = self.retrieve("Subscriber", ["EmailAddress"], self.equals("SubscriberKey", key))
            self.assertEqual([f"{key}@example.com"], [it.EmailAddress for it in answer.Results])
        for what in ("async", "conversation", "callback", "results"):
            did("zeep", "1.1", what)

    def test_objects_of_any_type_come_back_with_all_that_they_were_sent_with(self):
        key = new("definition")
        rome, paris = (
            self.type("SimpleFilterPart", Property="City", SimpleOperator="equals", Value=[it]) for it in ("Rome", "Paris")
        )
        either = self.type("ComplexFilterPart", LeftOperand=rome, LogicalOperator="OR", RightOperand=paris)
        definition = self.type("FilterDefinition", CustomerKey=key, Name="Romans", DataFilter=either)
        self.assertEqual("OK", self.create(definition).OverallStatus)
        [found] = self.retrieve("FilterDefinition", ["Name", "DataFilter"], self.equals("CustomerKey", key)).Results
        self.assertEqual(("Romans", "OR"), (found.Name, found.DataFilter.LogicalOperator))
        self.assertEqual(["Paris"], found.DataFilter.RightOperand.Value)

        weekly = self.type("WeeklyRecurrence", WeekInterval=2, Monday=True)
        schedule = self.type("ScheduleDefinition", CustomerKey=key, Name="often", Recurrence=weekly)
        self.assertEqual("OK", self.create(schedule).OverallStatus)
        [found] = self.retrieve("ScheduleDefinition", ["Name", "Recurrence"], self.equals("CustomerKey", key)).Results
        self.assertEqual((2, True), (found.Recurrence.WeekInterval, found.Recurrence.Monday))

        template = self.type("Template", CustomerKey=key, TemplateName="plain", LayoutHTML="<p/>", Width=600)
        self.assertEqual("OK", self.create(template).OverallStatus)
        [found] = self.retrieve("Template", ["LayoutHTML", "Width"], self.equals("CustomerKey", key)).Results
        self.assertEqual(("<p/>", 600), (found.LayoutHTML, found.Width))
        did("zeep", "1.1", "any type")

    def nothing_has_run(self, conversation, requests, path):
        self.assertEqual([], self.receiver.at(path))
        for request in requests.values():
            self.assertEqual([], self.results_of("ResultMessage", request, "StatusCode"))
            self.assertEqual([], self.results_of("ResultItem", request, "StatusCode"))
        answer = self.retrieve("AsyncRequestResult", ["Status"], self.equals("ConversationID", conversation))
        self.assertEqual(["Gathering"] * len(requests), [state.Status for state in answer.Results])

    def is_callback(self, callback, conversation, request):
        self.assertEqual(CALLBACK_FIELDS, callback["names"])
        self.assertEqual(conversation, callback["ConversationID"])
        self.assertEqual(request, callback["RequestID"])
        self.assertEqual(("OK", "OK", ""), tuple(callback[it] for it in ("OverallStatusCode", "StatusCode", "ErrorCode")))
        self.assertEqual("Asynchronous", callback["RequestType"])
        etree.fromstring(callback["ResultDetailXML"].encode())
        headers = {name.lower(): value for name, value in callback["headers"].items()}
        self.assertEqual("application/x-www-form-urlencoded", headers["content-type"].split(";")[0])
        self.assertTrue(headers["webhook-id"])
        self.assertRegex(headers["webhook-signature"], r"^v1,[A-Za-z0-9+/]+=*( v1,[A-Za-z0-9+/]+=*)*$")
        self.assertRegex(headers["webhook-timestamp"], r"^\d+$")

    def test_a_part_sent_again_is_the_same_call(self):
        key = new("again")
        options = dict(RequestType="Asynchronous", ConversationID=new("again"), SequenceCode=1, CallsInConversation=1)
        first = self.accepted(self.create(self.subscriber(key), **options))
        self.assertEqual(first, self.accepted(self.create(self.subscriber(key), **options)))
        other = self.create(self.subscriber(new("other")), RequestType="Asynchronous")
        self.assertNotEqual(first, self.accepted(other))
        self.assertEqual("OK", self.ended(first).CallStatus)
        self.assertEqual(first, self.accepted(self.create(self.subscriber(key), **options)))

    def test_a_conversation_is_never_used_twice(self):
        options = dict(RequestType="Asynchronous", ConversationID=new("used"), SequenceCode=1, CallsInConversation=1)
        self.ended(self.accepted(self.create(self.subscriber(new("first")), **options)))
        self.refused(self.create(self.subscriber(new("second")), **options), 211)

    def test_what_is_wrong_with_a_conversation_is_said_at_once(self):
        one = self.subscriber(new("wrong"))
        asynchronous = dict(RequestType="Asynchronous")
        named = dict(asynchronous, ConversationID=new("wrong"))
        self.refused(self.create(one, CallsInConversation=2, **named), 202)
        self.refused(self.create(one, SequenceCode=3, CallsInConversation=2, **named), 205)
        self.refused(self.create(one, SequenceCode=1, CallsInConversation=0, **named), 206)
        self.refused(self.create(one, SequenceCode=1, CallsInConversation=1, **asynchronous), 207)
        self.refused(self.create(one, SequenceCode=1, **named), 208)
        self.refused(self.create(one, ConversationID=new("wrong")), 209)

    def refused(self, answer, code):
        self.assertEqual("Error", answer.OverallStatus, answer)
        self.assertEqual(("Error", code), (answer.Results[0].StatusCode, answer.Results[0].ErrorCode))
        self.assertTrue(answer.Results[0].StatusMessage)

    def test_a_call_that_fails_stops_its_conversation(self):
        known, path = new("known"), "/" + new("callback")
        self.assertEqual("OK", self.create(self.subscriber(known)).OverallStatus)
        conversation, keys, requests = new("failing"), [new("a"), known, new("c")], []
        for place, key in enumerate(keys, 1):
            answer = self.create(
                self.subscriber(key),
                RequestType="Asynchronous",
                ConversationID=conversation,
                SequenceCode=place,
                CallsInConversation=3,
                SendResponseTo=[self.calls_back(path, "OnConversationError")] if place == 1 else [],
            )
            requests.append(self.accepted(answer))

        states = [self.ended(request) for request in requests]
        self.assertEqual(["Complete", "Error", "NotProcessed"], [state.Status for state in states])
        self.assertIn(requests[1], states[2].CallMessage)
        [item] = self.results_of("ResultItem", requests[1], "StatusCode", "ErrorCode")
        self.assertEqual(("Error", 12014), (item.StatusCode, item.ErrorCode))
        answer = self.retrieve("Subscriber", ["EmailAddress"], self.equals("SubscriberKey", keys[2]))
        self.assertEqual([], answer.Results)
        self.assertEqual(1, len(self.receiver.wait(path, 1)))

    def test_subscribers(self):
        key = new("subscriber")
        answer = self.create(self.subscriber(key, Attributes=[self.type("Attribute", Name="FirstName", Value="Ann")]))
        [result] = answer.Results
        self.assertEqual(("OK", "OK", "Created Subscriber."), (answer.OverallStatus, result.StatusCode, result.StatusMessage))
        self.refused(self.create(self.subscriber(key)), 12014)

        changed = self.type("Subscriber", SubscriberKey=key, Status="Unsubscribed")
        self.assertEqual("OK", self.update(changed).OverallStatus)
        answer = self.retrieve("Subscriber", ["SubscriberKey", "EmailAddress", "Status"], self.equals("SubscriberKey", key))
        [found] = answer.Results
        self.assertEqual((key, "Unsubscribed"), (found.SubscriberKey, found.Status))

        self.assertEqual("OK", self.delete(self.type("Subscriber", SubscriberKey=key)).OverallStatus)
        answer = self.retrieve("Subscriber", ["SubscriberKey"], self.equals("SubscriberKey", key))
        self.assertEqual(("OK", []), (answer.OverallStatus, answer.Results))
        did("zeep", "1.1", "sync")

    def test_rows_of_a_data_extension(self):
        extension = self.extension()
        answer = self.create(self.row(extension, Id="1", Name="Ann"), self.row(extension, Id="2", Name="Bob"))
        self.assertEqual("OK", answer.OverallStatus, answer)
        self.assertEqual([0, 1], [result.OrdinalID for result in answer.Results])
        self.assertEqual("Error", self.create(self.row(extension, Id="1", Name="Eve")).OverallStatus)

        self.assertEqual("OK", self.update(self.row(extension, Id="1", Name="Anna")).OverallStatus)
        both = {"SaveOption": [self.type("SaveOption", PropertyName="*", SaveAction="UpdateAdd")]}
        answer = self.update(self.row(extension, Id="3", Name="Cy"), SaveOptions=both)
        self.assertEqual("OK", answer.OverallStatus, answer)
        self.assertEqual({"1": "Anna", "2": "Bob", "3": "Cy"}, self.rows(extension))

        keys = {"Key": [self.property("Id", "2")]}
        answer = self.delete(self.type("DataExtensionObject", CustomerKey=extension, Keys=keys))
        self.assertEqual("OK", answer.OverallStatus, answer)
        self.assertEqual({"1": "Anna", "3": "Cy"}, self.rows(extension))

        name = self.type("SimpleFilterPart", Property="Name", SimpleOperator="equals", Value=["Cy"])
        other = self.type("SimpleFilterPart", Property="Id", SimpleOperator="equals", Value=["1"])
        either = self.type("ComplexFilterPart", LeftOperand=name, LogicalOperator="OR", RightOperand=other)
        self.assertEqual({"3": "Cy"}, self.rows(extension, name))
        self.assertEqual({"1": "Anna", "3": "Cy"}, self.rows(extension, either))

    def rows(self, extension, filter=None):
        answer = self.retrieve(f"DataExtensionObject[{extension}]", ["Id", "Name"], filter)
        self.assertEqual("OK", answer.OverallStatus)
        rows = [{it.Name: it.Value for it in row.Properties.Property} for row in answer.Results]
        return {row["Id"]: row["Name"] for row in rows}

    def test_more_than_a_page_is_continued(self):
        extension, count = self.extension(), 2_503
        for start in range(0, count, 1_000):
            rows = [self.row(extension, Id=f"{it:05}", Name="x") for it in range(start, min(count, start + 1_000))]
            request = self.accepted(self.create(*rows, RequestType="Asynchronous"))
            self.assertEqual("OK", self.ended(request).CallStatus)

        first = self.retrieve(f"DataExtensionObject[{extension}]", ["Id"])
        self.assertEqual(("MoreDataAvailable", 2_500), (first.OverallStatus, len(first.Results)))
        # As the Python SDK asks for it: no type, no properties.
        rest = self.retrieve("", [], ContinueRequest=first.RequestID)
        self.assertEqual(("OK", count - 2_500), (rest.OverallStatus, len(rest.Results)))
        found = {row.Properties.Property[0].Value for row in first.Results + rest.Results}
        self.assertEqual(count, len(found))

    def test_a_triggered_send_mails_each_subscriber_and_replies_with_its_results(self):
        definition, reply_to = new("definition"), f"{new('reply')}@example.com"
        answer = self.create(
            self.type(
                "TriggeredSendDefinition",
                CustomerKey=definition,
                Name=definition,
                TriggeredSendStatus="Active",
                EmailSubject="Hello %%FirstName%%",
                Email=self.type(
                    "Email",
                    Subject="Hello %%FirstName%%",
                    HTMLBody="<p>Dear %%FirstName%%</p>",
                    TextBody="Dear %%FirstName%%",
                ),
            )
        )
        self.assertEqual("OK", answer.OverallStatus, answer)
        people = {"Ann": new("ann"), "Bob": new("bob")}
        subscribers = [
            self.subscriber(key, Attributes=[self.type("Attribute", Name="FirstName", Value=name)])
            for name, key in people.items()
        ]
        mailed = self.type(
            "AsyncResponse", ResponseType="email", ResponseAddress=reply_to, RespondWhen="OnCallComplete", IncludeResults=True
        )
        answer = self.create(
            self.type(
                "TriggeredSend",
                TriggeredSendDefinition=self.type("TriggeredSendDefinition", CustomerKey=definition),
                Subscribers=subscribers,
            ),
            RequestType="Asynchronous",
            SendResponseTo=[mailed],
        )
        request = self.accepted(answer)
        self.assertEqual("OK", self.ended(request).CallStatus)

        for name, key in people.items():
            [mail] = until(f"a mail to {name}", lambda: mails_to(f"{key}@example.com"))
            self.assertEqual(f"Hello {name}", mail["subject"])
            self.assertIn(f"Dear {name}", mail["text"])
            self.assertIn(f"<p>Dear {name}</p>", mail["html"])

        [mail] = until("the reply", lambda: mails_to(reply_to))
        [attachment] = mail["attachments"]
        self.assertEqual("Results.zip", attachment["name"])
        archive = zipfile.ZipFile(io.BytesIO(base64.b64decode(attachment["content"])))
        self.assertEqual(["Results.xml"], archive.namelist())
        self.assertIn("TriggeredSendCreateResult", archive.read("Results.xml").decode())
        etree.fromstring(archive.read("Results.xml"))

        [message] = self.results_of("ResultMessage", request, "OverallStatusCode", "ResultDetailXML")
        self.assertEqual("OK", message.OverallStatusCode)
        self.assertIn("TriggeredSendCreateResult", message.ResultDetailXML)

    def test_a_text_and_a_call_by_voice_go_out_once(self):
        key, number = new("definition"), f"+43660{uuid.uuid4().int % 10_000_000:07}"
        content = self.type("ContentArea", Content="Your code is %%Code%%")
        for definition in (
            self.type("SMSTriggeredSendDefinition", CustomerKey=key, Name=key, Content=content),
            self.type("VoiceTriggeredSendDefinition", CustomerKey=key, Name=key),
        ):
            self.assertEqual("OK", self.create(definition).OverallStatus)
        person = self.type(
            "Subscriber", SubscriberKey=key, Attributes=[self.type("Attribute", Name="Code", Value="42")]
        )
        named = {"CustomerKey": key}
        answer = self.create(
            self.type(
                "SMSTriggeredSend",
                SMSTriggeredSendDefinition=self.type("SMSTriggeredSendDefinition", **named),
                Subscriber=person,
                Number=number,
            ),
            self.type(
                "VoiceTriggeredSend",
                VoiceTriggeredSendDefinition=self.type("VoiceTriggeredSendDefinition", **named),
                Subscriber=person,
                Message="Your code is 42",
                Number=number,
            ),
            RequestType="Asynchronous",
        )
        request = self.accepted(answer)
        self.assertEqual("OK", self.ended(request).CallStatus)
        texts = until("both", lambda: len(texts_to(number)) == 2 and texts_to(number))
        outgoing = {(text["kind"], text["text"]) for text in texts}
        self.assertEqual({("text", "Your code is 42"), ("voice", "Your code is 42")}, outgoing)

        def sent():
            answer = self.retrieve("SentEvent", ["SubscriberKey", "EventType"], self.equals("SubscriberKey", key))
            self.assertEqual("OK", answer.OverallStatus)
            return answer.Results

        # An event is written after AWS has taken the text.
        until("both events", lambda: len(sent()) >= 2)
        self.assertEqual(2, len(sent()))

    def test_an_inactive_definition_holds_its_mails_until_it_is_active(self):
        name, key = new("definition"), new("ann")

        def definition(status):
            email = self.type("Email", Subject="Hello", TextBody="Dear you")
            return self.type(
                "TriggeredSendDefinition", CustomerKey=name, Name=name, TriggeredSendStatus=status, Email=email
            )

        self.assertEqual("OK", self.create(definition("Active")).OverallStatus)
        self.assertEqual("OK", self.update(definition("Inactive")).OverallStatus)
        send = self.type(
            "TriggeredSend",
            TriggeredSendDefinition=self.type("TriggeredSendDefinition", CustomerKey=name),
            Subscribers=[self.subscriber(key)],
        )
        request = self.accepted(self.create(send, RequestType="Asynchronous"))
        self.assertEqual("OK", self.ended(request).CallStatus)
        if CLOCK_IS_REAL:
            # They leave within a minute, which nobody waits for here.
            return
        try:
            advance(960)
            self.assertEqual([], mails_to(f"{key}@example.com"))
            type(self).token = token()
            self.assertEqual("OK", self.update(definition("Active")).OverallStatus)
            advance(60)
            [mail] = until("the mail", lambda: mails_to(f"{key}@example.com"))
            self.assertEqual("Hello", mail["subject"])
        finally:
            type(self).token = token()

    def test_a_call_that_no_item_of_a_table_could_hold(self):
        extension, path, count = self.extension(), "/" + new("callback"), 200
        rows = [self.row(extension, Id=f"{it}", Name="x") for it in range(count)]
        for row in rows:
            # Random, so that packing does not make it small again.
            row.CorrelationID = os.urandom(2_000).hex()
        answer = self.create(
            *rows,
            RequestType="Asynchronous",
            QueuePriority="Low",
            SendResponseTo=[self.calls_back(path, IncludeResults=True, IncludeObjects=True)],
        )
        request = self.accepted(answer)
        self.assertEqual("OK", self.ended(request).CallStatus)
        self.assertEqual(count, len(self.results_of("ResultItem", request, "StatusCode", "StatusMessage")))
        [message] = self.results_of("ResultMessage", request, "ResultDetailXML")
        [callback] = self.receiver.wait(path, 1)
        for detail in (message.ResultDetailXML, callback["ResultDetailXML"]):
            found = {it.text for it in etree.fromstring(detail.encode()).iter(PARTNER + "CorrelationID")}
            self.assertEqual({row.CorrelationID for row in rows}, found)

    def test_a_deferred_call_can_be_cancelled(self):
        in_two_days = self.server_time() + timedelta(days=2)
        answer = self.create(self.subscriber(new("no")), RequestType="Asynchronous", ScheduledTime=in_two_days)
        request = self.accepted(answer)
        [state] = self.results_of("AsyncRequestResult", request, "Status")
        self.assertEqual("Scheduled", state.Status)
        self.assertEqual("OK", self.delete(self.type("ScheduledRequest", RequestID=request)).OverallStatus)
        self.assertEqual("Cancelled", self.ended(request).Status)

        done = self.accepted(self.create(self.subscriber(new("done")), RequestType="Asynchronous"))
        self.assertEqual("Complete", self.ended(done).Status)
        self.refused(self.delete(self.type("ScheduledRequest", RequestID=done)), 222)
        unknown = "00000000-0000-4000-8000-000000000000"
        self.refused(self.delete(self.type("ScheduledRequest", RequestID=unknown)), 220)

    def test_who_may_not_call(self):
        for text in ("nonsense", self.token[:-1] + ("a" if self.token[-1] != "a" else "b")):
            with self.assertRaises(Fault) as raised:
                self.client.service.Create(
                    Options=self.type("CreateOptions"), Objects=[self.subscriber(new("no"))], _soapheaders=self.header(text)
                )
            self.assertEqual("Login Failed", raised.exception.message)
        with self.assertRaises(Fault) as raised:
            self.client.service.Create(Options=self.type("CreateOptions"), Objects=[self.subscriber(new("no"))])
        self.assertEqual("Login Failed", raised.exception.message)
        did("zeep", "1.1", "fault")

    def test_a_user_with_a_password_may_call(self):
        client = Client(BASE + "/etframework.wsdl", wsse=UsernameToken("local", "local"))
        answer = client.service.Create(Options=self.type("CreateOptions"), Objects=[self.subscriber(new("user"))])
        self.assertEqual("OK", answer.OverallStatus, answer)
        client = Client(BASE + "/etframework.wsdl", wsse=UsernameToken("local", "wrong"))
        with self.assertRaises(Fault) as raised:
            client.service.Create(Options=self.type("CreateOptions"), Objects=[self.subscriber(new("user"))])
        self.assertEqual("Login Failed", raised.exception.message)

    def test_a_digest_lets_in_whoever_is_marked_for_it_and_only_once(self):
        def says(user, password, **more):
            wsse = UsernameToken(user, password, use_digest=True, created=self.server_time(), **more)
            return Client(BASE + "/etframework.wsdl", wsse=wsse).service.VersionInfo(IncludeVersionHistory=False)

        self.assertTrue(says("local-digest", "local").VersionInfo.Version)
        nonce = new("nonce")
        self.assertTrue(says("local-digest", "local", nonce=nonce).VersionInfo.Version)
        for user, password, more in [
            ("local-digest", "local", {"nonce": nonce}),
            ("local-digest", "wrong", {}),
            ("local", "local", {}),
            ("nobody", "local", {}),
        ]:
            with self.assertRaises(Fault) as raised:
                says(user, password, **more)
            self.assertEqual("Login Failed", raised.exception.message)
        text = Client(BASE + "/etframework.wsdl", wsse=UsernameToken("local-digest", "local"))
        self.assertTrue(text.service.VersionInfo(IncludeVersionHistory=False).VersionInfo.Version)

    def test_unknown_and_pending_look_different(self):
        unknown = "00000000-0000-4000-8000-000000000000"
        self.assertEqual([], self.results_of("AsyncRequestResult", unknown, "Status"))
        answer = self.retrieve("Nonsense", ["Name"], self.equals("Name", "x"))
        self.assertRegex(answer.OverallStatus, r"^Error: .+")

    @unittest.skipIf(CLOCK_IS_REAL, "the clock of this endpoint cannot be moved")
    def test_a_deferred_call_waits_for_its_time_and_a_token_for_its_end(self):
        """Moves the clock on, so every test takes the token that is valid at its time."""
        old = self.token
        in_ten_minutes = self.server_time() + timedelta(minutes=10)
        answer = self.create(
            self.subscriber(new("deferred")), RequestType="Asynchronous", ScheduledTime=in_ten_minutes
        )
        request = self.accepted(answer)
        [state] = self.results_of("AsyncRequestResult", request, "Status")
        self.assertEqual("Scheduled", state.Status)
        advance(540)
        [state] = self.results_of("AsyncRequestResult", request, "Status")
        self.assertEqual("Scheduled", state.Status)
        advance(120)
        self.assertEqual("OK", self.ended(request).CallStatus)

        advance(1_200)
        try:
            with self.assertRaises(Fault) as raised:
                self.client.service.Retrieve(
                    RetrieveRequest=self.type("RetrieveRequest", ObjectType="Subscriber", Properties=["SubscriberKey"]),
                    _soapheaders=self.header(old),
                )
            self.assertEqual("Token Expired", raised.exception.message)
        finally:
            type(self).token = token()

    def server_time(self):
        """As its callbacks are stamped, since its clock may have been moved on before."""
        path = "/" + new("callback")
        self.accepted(
            self.create(
                self.subscriber(new("time")), RequestType="Asynchronous", SendResponseTo=[self.calls_back(path)]
            )
        )
        [callback] = self.receiver.wait(path, 1)
        return datetime.fromtimestamp(int(callback["headers"]["webhook-timestamp"]), timezone.utc)


if __name__ == "__main__":
    unittest.main(verbosity=2)
