"""Salesforce-FuelSDK for Python: its own objects as they are, and asynchronous calls through the
suds client inside, which is the only way that it offers."""

import os
import tempfile
import time
import unittest

import FuelSDK

from stage import (
    BASE,
    CLOCK_IS_REAL,
    Receiver,
    advance,
    did,
    extracted,
    mails_to,
    new,
    put_file,
    texts_to,
    until,
)

NAME = "Salesforce-FuelSDK"

os.chdir(tempfile.mkdtemp(prefix="fuelsdk-"))  # it writes soap_cache_file.json to the current folder


def client(**more):
    return FuelSDK.ET_Client(
        False,
        False,
        {
            "clientid": "local",
            "clientsecret": "local",
            "defaultwsdl": BASE + "/etframework.wsdl",
            "wsdl_file_local_loc": os.path.abspath(new("wsdl") + ".xml"),
            "baseapiurl": BASE,
            "authenticationurl": BASE,
            "useOAuth2Authentication": "True",
            "accountId": "local",
            **more,
        },
    )


class FuelSdk(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.client = client()
        cls.receiver = Receiver()

    @classmethod
    def tearDownClass(cls):
        cls.receiver.close()

    def an(self, kind, **fields):
        it = kind()
        it.auth_stub = self.client
        for name, value in fields.items():
            setattr(it, name, value)
        return it

    def get(self, object_type, properties, name, value):
        filter = {"Property": name, "SimpleOperator": "equals", "Value": value}
        answer = self.an(FuelSDK.ET_GetSupport, obj_type=object_type, props=properties, search_filter=filter).get()
        self.assertTrue(answer.status, (answer.code, answer.message))
        return answer.results

    def ok(self, answer):
        self.assertTrue(answer.status, (answer.code, answer.message, answer.results))
        return answer

    def test_subscribers(self):
        key = new("subscriber")
        props = {"SubscriberKey": key, "EmailAddress": f"{key}@example.com"}
        answer = self.ok(self.an(FuelSDK.ET_Subscriber, props=dict(props)).post())
        self.assertEqual("OK", answer.results[0]["StatusCode"])

        answer = self.an(FuelSDK.ET_Subscriber, props=dict(props)).post()
        self.assertFalse(answer.status)
        self.assertEqual(12014, int(answer.results[0]["ErrorCode"]))

        self.ok(self.an(FuelSDK.ET_Subscriber, props={"SubscriberKey": key, "Status": "Unsubscribed"}).patch())
        [found] = self.get("Subscriber", ["SubscriberKey", "Status"], "SubscriberKey", key)
        self.assertEqual((key, "Unsubscribed"), (found["SubscriberKey"], found["Status"]))

        self.ok(self.an(FuelSDK.ET_Subscriber, props={"SubscriberKey": key}).delete())
        self.assertEqual([], list(self.get("Subscriber", ["SubscriberKey"], "SubscriberKey", key)))
        did(NAME, "1.1", "sync")

    def test_an_object_of_any_type(self):
        make, key = self.client.soap_client.factory.create, new("definition")
        definition, part = make("FilterDefinition"), make("SimpleFilterPart")
        part.Property, part.SimpleOperator, part.Value = "City", "equals", ["Rome"]
        definition.CustomerKey, definition.Name, definition.DataFilter = key, "Romans", part
        code, answer = self.client.soap_client.service.Create(make("CreateOptions"), definition)
        self.assertEqual((200, "OK"), (code, answer.OverallStatus))
        [found] = self.get("FilterDefinition", ["Name", "DataFilter"], "CustomerKey", key)
        self.assertEqual(("Romans", ["Rome"]), (found.Name, found.DataFilter.Value))
        did(NAME, "1.1", "any type")

    def test_a_conversation_of_three(self):
        make, conversation = self.client.soap_client.factory.create, new("conversation")
        for place in (3, 1, 2):
            options, subscriber = make("CreateOptions"), make("Subscriber")
            options.RequestType, options.ConversationID = "Asynchronous", conversation
            options.SequenceCode, options.CallsInConversation = place, 3
            subscriber.SubscriberKey = new("part")
            subscriber.EmailAddress = f"{subscriber.SubscriberKey}@example.com"
            code, answer = self.client.soap_client.service.Create(options, subscriber)
            self.assertEqual((200, "OK"), (code, answer.OverallStatus))

        def retrieved():
            found = self.get("ResultMessage", ["OverallStatusCode"], "ConversationID", conversation)
            return [it.OverallStatusCode for it in found] == ["OK"] * 3

        until("all three", retrieved)
        did(NAME, "1.1", "conversation")

    def test_rows_of_a_data_extension(self):
        key = new("extension")
        columns = [
            {"Name": "Id", "FieldType": "Text", "MaxLength": "50", "IsPrimaryKey": "true", "IsRequired": "true"},
            {"Name": "Name", "FieldType": "Text", "MaxLength": "100"},
        ]
        extension = self.an(FuelSDK.ET_DataExtension, props={"Name": key, "CustomerKey": key}, columns=columns)
        self.ok(extension.post())

        self.ok(self.row(key, {"Id": "1", "Name": "Ann"}).post())
        self.assertFalse(self.row(key, {"Id": "1", "Name": "Eve"}).post().status)
        self.ok(self.row(key, {"Id": "1", "Name": "Anna"}).patch())
        self.assertEqual([{"Id": "1", "Name": "Anna"}], self.rows(key))
        self.ok(self.row(key, {"Id": "1"}).delete())
        self.assertEqual([], self.rows(key))

    def row(self, key, props):
        return self.an(FuelSDK.ET_DataExtension_Row, CustomerKey=key, Name=key, props=props)

    def rows(self, key):
        answer = self.ok(self.row(key, ["Id", "Name"]).get())
        return [{it.Name: it.Value for it in row.Properties.Property} for row in answer.results]

    def test_more_than_a_page_is_continued(self):
        key, count = new("extension"), 2_501
        columns = [{"Name": "Id", "FieldType": "Text", "MaxLength": "50", "IsPrimaryKey": "true", "IsRequired": "true"}]
        extension = self.an(FuelSDK.ET_DataExtension, props={"Name": key, "CustomerKey": key}, columns=columns)
        self.ok(extension.post())
        for start in range(0, count, 500):
            rows = [{"Id": f"{it:05}"} for it in range(start, min(count, start + 500))]
            self.ok(self.row(key, rows).post())
        asked = self.row(key, ["Id"])
        first = self.ok(asked.get())
        self.assertEqual((True, 2_500), (first.more_results, len(first.results)))
        rest = self.ok(asked.getMoreResults())
        self.assertEqual((False, 1), (rest.more_results, len(rest.results)))

    def test_an_asynchronous_create_calls_back_and_can_be_asked_for(self):
        key, path = new("asynchronous"), "/" + new("callback")
        make = self.client.soap_client.factory.create
        options = make("CreateOptions")
        options.RequestType = "Asynchronous"
        options.ConversationID = key
        options.SequenceCode = 1
        options.CallsInConversation = 1
        options.QueuePriority = "High"
        response = make("AsyncResponse")
        response.ResponseType = "HTTPPost"
        response.ResponseAddress = self.receiver.url + path
        response.RespondWhen = "OnCallComplete"
        response.IncludeResults = True
        options.SendResponseTo = [response]
        subscriber = make("Subscriber")
        subscriber.SubscriberKey = key
        subscriber.EmailAddress = f"{key}@example.com"
        code, answer = self.client.soap_client.service.Create(options, subscriber)
        self.assertEqual((200, "OK", "Queued"), (code, answer.OverallStatus, answer.Results[0].StatusMessage))

        [callback] = self.receiver.wait(path, 1)
        self.assertEqual((answer.RequestID, "OK"), (callback["RequestID"], callback["OverallStatusCode"]))
        [item] = until("a ResultItem", lambda: self.get("ResultItem", ["StatusCode"], "RequestID", answer.RequestID))
        self.assertEqual("OK", item.StatusCode)
        [message] = self.get("ResultMessage", ["OverallStatusCode"], "ConversationID", key)
        self.assertEqual("OK", message.OverallStatusCode)
        [state] = self.get("AsyncRequestResult", ["Status"], "RequestID", answer.RequestID)
        self.assertEqual("Complete", state.Status)
        for what in ("async", "callback", "results"):
            did(NAME, "1.1", what)

    def test_a_triggered_send(self):
        key = new("definition")
        props = {
            "CustomerKey": key,
            "Name": key,
            "TriggeredSendStatus": "Active",
            "EmailSubject": "Hello",
            "Email": {"Subject": "Hello", "HTMLBody": "<p>Hello</p>"},
        }
        self.ok(self.an(FuelSDK.ET_TriggeredSend, props=props).post())
        people = [new("ann"), new("bob")]
        send = self.an(
            FuelSDK.ET_TriggeredSend,
            props={"CustomerKey": key},
            subscribers=[{"EmailAddress": f"{it}@example.com", "SubscriberKey": it} for it in people],
        )
        answer = self.ok(send.send())
        self.assertEqual("OK", answer.results[0]["StatusCode"])
        for person in people:
            [mail] = until(f"a mail to {person}", lambda: mails_to(f"{person}@example.com"))
            self.assertEqual("Hello", mail["subject"])

    def test_a_send_to_an_audience(self):
        make, key = self.client.soap_client.factory.create, new("audience")
        service = self.client.soap_client.service
        audience, entry, email = make("List"), make("SendDefinitionList"), make("Email")
        audience.CustomerKey = audience.ListName = key
        entry.List, entry.SendDefinitionListType = audience, "SourceList"
        # The suds client inside cannot write elements whose names begin with two underscores, of which the
        # original's type has five.
        for number in range(1, 6):
            delattr(email, f"__AdditionalEmailAttribute{number}")
        email.Subject, email.TextBody = key, "Hello"
        definition, member, reader = make("EmailSendDefinition"), make("SubscriberList"), make("Subscriber")
        definition.CustomerKey = definition.Name = key
        definition.FromAddress = "shop@example.com"
        definition.SendDefinitionList, definition.Email = [entry], email
        member.CustomerKey = key
        reader.SubscriberKey, reader.EmailAddress, reader.Lists = key, f"{key}@example.com", [member]
        for created in (audience, reader, definition):
            code, answer = service.Create(make("CreateOptions"), created)
            self.assertEqual((200, "OK"), (code, answer.OverallStatus), answer)
        started = make("EmailSendDefinition")
        started.CustomerKey = key
        code, answer = service.Perform(make("PerformOptions"), "start", {"Definition": [started]})
        self.assertEqual((200, "OK"), (code, answer.OverallStatus), answer)
        task = answer.Results.Result[0].Task.ID

        def complete():
            [send] = self.get("Send", ["Status", "NumberSent"], "ID", task)
            return send.Status == "Complete" and send

        self.assertEqual(1, until("the send", complete).NumberSent)
        [mail] = mails_to(f"{key}@example.com")
        self.assertEqual(key, mail["subject"])

    def test_a_text(self):
        make, key = self.client.soap_client.factory.create, new("definition")
        service, number = self.client.soap_client.service, f"+43660{time.time_ns() % 10_000_000:07}"
        definition = make("SMSTriggeredSendDefinition")
        definition.CustomerKey = definition.Name = key
        code, answer = service.Create(make("CreateOptions"), definition)
        self.assertEqual((200, "OK"), (code, answer.OverallStatus))
        send, named, subscriber = make("SMSTriggeredSend"), make("SMSTriggeredSendDefinition"), make("Subscriber")
        named.CustomerKey, subscriber.SubscriberKey = key, key
        send.SMSTriggeredSendDefinition, send.Subscriber = named, subscriber
        send.Message, send.Number = "Your code is 42", number
        options = make("CreateOptions")
        options.RequestType = "Asynchronous"
        code, answer = service.Create(options, send)
        self.assertEqual((200, "OK", "Queued"), (code, answer.OverallStatus, answer.Results[0].StatusMessage))
        [text] = until("the text", lambda: texts_to(number))
        self.assertEqual(("text", "Your code is 42"), (text["kind"], text["text"]))

    def an_extension(self, key):
        columns = [
            {"Name": "Id", "FieldType": "Text", "MaxLength": "50", "IsPrimaryKey": "true", "IsRequired": "true"},
            {"Name": "Name", "FieldType": "Text", "MaxLength": "100"},
        ]
        extension = self.an(FuelSDK.ET_DataExtension, props={"Name": key, "CustomerKey": key}, columns=columns)
        self.ok(extension.post())

    @unittest.skipIf(CLOCK_IS_REAL, "the bucket of this endpoint is not ours to put files into")
    def test_an_import(self):
        """It has no class for imports: the suds client inside starts them."""
        make, key = self.client.soap_client.factory.create, new("import")
        self.an_extension(key)
        put_file(f"{key}.csv", "Id,Name\n1,Ann\n2,Bea\n")
        definition, destination = make("ImportDefinition"), make("DataExtension")
        destination.CustomerKey = key
        definition.CustomerKey = definition.Name = key
        definition.DestinationObject, definition.FileSpec = destination, f"{key}.csv"
        definition.FileType, definition.UpdateType = "CSV", "AddAndUpdate"
        service = self.client.soap_client.service
        code, answer = service.Create(make("CreateOptions"), definition)
        self.assertEqual((200, "OK"), (code, answer.OverallStatus), answer)
        named = make("ImportDefinition")
        named.CustomerKey = key
        code, answer = service.Perform(make("PerformOptions"), "start", {"Definition": [named]})
        self.assertEqual((200, "OK"), (code, answer.OverallStatus), answer)
        task = answer.Results.Result[0].Task.ID
        asked = ["ImportStatus", "NumberSuccessful", "NumberErrors"]

        def ended():
            [found] = self.get("ImportResultsSummary", asked, "TaskResultID", task)
            return found if found.ImportStatus in ("Completed", "Error") else None

        found = until("the import to end", ended)
        self.assertEqual(("Completed", "2", "0"), tuple(str(getattr(found, name)) for name in asked))
        rows = sorted(self.rows(key), key=lambda row: row["Id"])
        self.assertEqual([{"Id": "1", "Name": "Ann"}, {"Id": "2", "Name": "Bea"}], rows)

    @unittest.skipIf(CLOCK_IS_REAL, "the bucket of this endpoint is not ours to look into")
    def test_an_extract(self):
        make, key = self.client.soap_client.factory.create, new("extract")
        activity = make("DataExtractActivity")
        activity.PartnerProperties = []
        for name, value in (("StartDate", "1/1/2000"), ("OutputFileName", f"{key}.csv")):
            parameter = make("APIProperty")
            parameter.Name, parameter.Value = name, value
            activity.PartnerProperties.append(parameter)
        code, answer = self.client.soap_client.service.Perform(
            make("PerformOptions"), "start", {"Definition": [activity]}
        )
        self.assertEqual((200, "OK"), (code, answer.OverallStatus), answer)
        text = until("the file", lambda: extracted(f"{key}.csv"))
        self.assertTrue(text.startswith("RequestID,ConversationID"), text[:80])

    def test_columns_of_a_data_extension(self):
        key = new("columns")
        self.an_extension(key)
        columns = self.an(
            FuelSDK.ET_DataExtension_Column,
            props=["Name", "FieldType", "IsPrimaryKey", "Ordinal"],
            search_filter={"Property": "DataExtension.CustomerKey", "SimpleOperator": "equals", "Value": key},
        )
        found = self.ok(columns.get()).results
        fields = sorted((int(it.Ordinal), it.Name, it.FieldType, it.IsPrimaryKey) for it in found)
        self.assertEqual([(0, "Id", "Text", True), (1, "Name", "Text", False)], fields)

    def test_calls_of_every_method_can_be_asynchronous(self):
        make, key = self.client.soap_client.factory.create, new("methods")
        service = self.client.soap_client.service

        def subscriber(**fields):
            it = make("Subscriber")
            it.SubscriberKey = key
            for name, value in fields.items():
                setattr(it, name, value)
            return it

        def options(kind):
            it = make(kind)
            it.RequestType = "Asynchronous"
            return it

        def ended(answer):
            code, body = answer
            self.assertEqual((200, "OK"), (code, body.OverallStatus))
            ask = lambda: self.get("AsyncRequestResult", ["Status"], "RequestID", body.RequestID)
            over = ("Complete", "Error")
            return until("the call to end", lambda: ask()[0].Status in over and ask()[0].Status)

        created = service.Create(options("CreateOptions"), subscriber(EmailAddress=f"{key}@example.com"))
        self.assertEqual("Complete", ended(created))
        self.assertEqual("Complete", ended(service.Update(options("UpdateOptions"), subscriber(Status="Held"))))
        [found] = self.get("Subscriber", ["Status"], "SubscriberKey", key)
        self.assertEqual("Held", found.Status)
        self.assertEqual("Complete", ended(service.Delete(options("DeleteOptions"), subscriber())))
        self.assertEqual([], list(self.get("Subscriber", ["SubscriberKey"], "SubscriberKey", key)))
        definition = make("QueryDefinition")
        definition.CustomerKey = new("none")
        definitions = {"Definition": [definition]}
        # What nothing here performs is refused before it is queued.
        _, refused = service.Perform(options("PerformOptions"), "start", definitions)
        self.assertEqual("Error", refused.OverallStatus)

    def test_the_legacy_flow_of_tokens(self):
        for more in ({}, {"soapendpoint": BASE + "/Service.asmx"}):
            legacy = client(useOAuth2Authentication="False", authenticationurl=BASE + "/v1/requestToken?legacy=1", **more)
            key = new("legacy")
            made = FuelSDK.ET_Subscriber()
            made.auth_stub = legacy
            made.props = {"SubscriberKey": key, "EmailAddress": f"{key}@example.com"}
            self.ok(made.post())
            [found] = self.get("Subscriber", ["SubscriberKey"], "SubscriberKey", key)
            self.assertEqual(key, found.SubscriberKey)

    @unittest.skipIf(CLOCK_IS_REAL, "the clock of this endpoint cannot be moved")
    def test_z_a_token_that_has_expired_is_named_so_and_replaced(self):
        """Last, since it moves the clock on."""
        key = new("expired")
        asked = self.an(FuelSDK.ET_GetSupport, obj_type="Subscriber", props=["SubscriberKey"])
        asked.search_filter = {"Property": "SubscriberKey", "SimpleOperator": "equals", "Value": key}
        self.ok(asked.get())
        advance(1_300)
        refused = asked.get()
        # It tells a fault by its code alone.
        self.assertEqual((False, 500), (refused.status, refused.code))
        did(NAME, "1.1", "fault")
        self.client.refresh_token(True)
        self.ok(asked.get())

    def test_a_wrong_secret_gets_no_token(self):
        with self.assertRaisesRegex(Exception, "invalid_client"):
            client(clientsecret="wrong")


if __name__ == "__main__":
    unittest.main(verbosity=2)
