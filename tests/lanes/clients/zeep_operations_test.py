"""zeep in strict mode on every operation of the port type: it reads each kind of answer, or fails."""

import unittest

from lxml import etree
from zeep import Client, Settings
from zeep.exceptions import Fault

from stage import BASE, Receiver, mails_to, new, token, until

PARTNER = "{http://exacttarget.com/wsdl/partnerAPI}"


class Operations(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.client = Client(BASE + "/etframework.wsdl", settings=Settings(strict=True))
        cls.receiver = Receiver()
        element = etree.Element("{http://exacttarget.com}fueloauth")
        element.text = token()
        cls.header = [element]

    @classmethod
    def tearDownClass(cls):
        cls.receiver.close()

    def type(self, name, **fields):
        return self.client.get_type(PARTNER + name)(**fields)

    def call(self, operation, **parts):
        return getattr(self.client.service, operation)(**parts, _soapheaders=self.header)

    def subscriber(self, key, **fields):
        return self.type("Subscriber", SubscriberKey=key, EmailAddress=f"{key}@example.com", **fields)

    def made(self, key):
        answer = self.call("Create", Options=self.type("CreateOptions"), Objects=[self.subscriber(key)])
        self.assertEqual("OK", answer.OverallStatus, answer)

    def asynchronously(self, path):
        back = self.type(
            "AsyncResponse",
            ResponseType="HTTPPost",
            ResponseAddress=self.receiver.url + path,
            RespondWhen="OnCallComplete",
            IncludeResults=True,
        )
        return dict(RequestType="Asynchronous", SendResponseTo=[back])

    def called_back(self, path, answer):
        [callback] = self.receiver.wait(path, 1)
        self.assertEqual(answer.RequestID, callback["RequestID"])
        return callback

    def status_of(self, key):
        filter = self.type("SimpleFilterPart", Property="SubscriberKey", SimpleOperator="equals", Value=[key])
        request = self.type(
            "RetrieveRequest", ObjectType="Subscriber", Properties=["SubscriberKey", "Status"], Filter=filter
        )
        answer = self.call("Retrieve", RetrieveRequest=request)
        self.assertEqual("OK", answer.OverallStatus)
        return [found.Status for found in answer.Results]

    def test_there_are_thirteen(self):
        [service] = self.client.wsdl.services.values()
        [port] = service.ports.values()
        tried = {name[len("test_operation_") :] for name in dir(self) if name.startswith("test_operation_")}
        self.assertEqual({name.lower() for name in port.binding._operations}, tried)

    def test_operation_create(self):
        key, path = new("create"), "/" + new("callback")
        options = self.type("CreateOptions", **self.asynchronously(path))
        answer = self.call("Create", Options=options, Objects=[self.subscriber(key)])
        self.assertEqual("OK", self.called_back(path, answer)["OverallStatusCode"])
        self.assertEqual(["Active"], self.status_of(key))

    def test_operation_update(self):
        key, path = new("update"), "/" + new("callback")
        self.made(key)
        options = self.type("UpdateOptions", **self.asynchronously(path))
        changed = self.type("Subscriber", SubscriberKey=key, Status="Unsubscribed")
        answer = self.call("Update", Options=options, Objects=[changed])
        self.assertEqual("Queued", answer.Results[0].StatusMessage)
        self.assertEqual("OK", self.called_back(path, answer)["OverallStatusCode"])
        self.assertEqual(["Unsubscribed"], self.status_of(key))

    def test_operation_delete(self):
        key, path = new("delete"), "/" + new("callback")
        self.made(key)
        options = self.type("DeleteOptions", **self.asynchronously(path))
        answer = self.call("Delete", Options=options, Objects=[self.type("Subscriber", SubscriberKey=key)])
        self.assertEqual("Queued", answer.Results[0].StatusMessage)
        self.assertEqual("OK", self.called_back(path, answer)["OverallStatusCode"])
        self.assertEqual([], self.status_of(key))

    def test_operation_perform(self):
        definition = self.type("EmailSendDefinition", CustomerKey=new("none"))
        parts = dict(Action="start", Definitions={"Definition": [definition]})
        answer = self.call("Perform", Options=self.type("PerformOptions"), **parts)
        self.assertEqual("Error", answer.OverallStatus)
        self.assertEqual("Error", answer.Results.Result[0].StatusCode)

        # What nothing here performs is refused before it is queued.
        options = self.type("PerformOptions", **self.asynchronously("/" + new("callback")))
        query = {"Definition": [self.type("QueryDefinition", CustomerKey=new("none"))]}
        answer = self.call("Perform", Options=options, Action="start", Definitions=query)
        self.assertEqual("Error", answer.OverallStatus)
        self.assertIn("not supported", answer.Results.Result[0].StatusMessage)

    def test_a_send_to_an_audience(self):
        key, readers = new("audience"), [new("ann"), new("bob")]
        audience = self.type("List", CustomerKey=key, ListName=key)
        answer = self.call("Create", Options=self.type("CreateOptions"), Objects=[audience])
        self.assertEqual("OK", answer.OverallStatus, answer)
        member = [self.type("SubscriberList", CustomerKey=key, Status="Active")]
        people = [self.subscriber(reader, Lists=member) for reader in readers]
        entry = self.type("SendDefinitionList", List=audience, SendDefinitionListType="SourceList")
        definition = self.type(
            "EmailSendDefinition",
            CustomerKey=key,
            Name=key,
            FromName="The Shop",
            FromAddress="shop@example.com",
            SendDefinitionList=[entry],
            Email=self.type("Email", Name=key, Subject=key, TextBody="For %%subscriberkey%%"),
        )
        answer = self.call("Create", Options=self.type("CreateOptions"), Objects=[*people, definition])
        self.assertEqual("OK", answer.OverallStatus, answer)

        started = self.type("EmailSendDefinition", CustomerKey=key)
        parts = dict(Action="start", Definitions={"Definition": [started]})
        answer = self.call("Perform", Options=self.type("PerformOptions"), **parts)
        [result] = answer.Results.Result
        self.assertEqual("EmailSendDefinition performed", result.StatusMessage, answer)
        send = until("the send", lambda: self.complete_send(result.Task.ID))
        self.assertEqual((2, 2), (send.NumberTargeted, send.NumberSent))
        for reader in readers:
            [mail] = mails_to(f"{reader}@example.com")
            self.assertEqual((key, f"For {reader}"), (mail["subject"], mail["text"].strip()))

    def complete_send(self, task):
        filter = self.type("SimpleFilterPart", Property="ID", SimpleOperator="equals", Value=[task])
        properties = ["ID", "Status", "NumberTargeted", "NumberSent"]
        request = self.type("RetrieveRequest", ObjectType="Send", Properties=properties, Filter=filter)
        answer = self.call("Retrieve", RetrieveRequest=request)
        self.assertEqual("OK", answer.OverallStatus, answer)
        [send] = answer.Results
        return send if send.Status == "Complete" else None

    def test_operation_retrieve(self):
        key = new("retrieve")
        self.made(key)
        self.assertEqual(["Active"], self.status_of(key))

    def test_operation_query(self):
        query = self.type("Query", Object=self.type("QueryObject", ObjectType="Subscriber", Properties=["SubscriberKey"]))
        answer = self.call("Query", QueryRequest=self.type("QueryRequest", Query=query))
        self.assertTrue(answer.OverallStatus)

    def test_operation_describe(self):
        asked = [self.type("ObjectDefinitionRequest", ObjectType=name) for name in ("Subscriber", "List")]
        requests = self.type("ArrayOfObjectDefinitionRequest", ObjectDefinitionRequest=asked)
        answer = self.call("Describe", DescribeRequests=requests)
        [found, _] = answer.ObjectDefinition
        self.assertEqual("Subscriber", found.ObjectType)
        self.assertIn("SubscriberKey", [field.Name for field in found.Properties])

    def test_operation_getsystemstatus(self):
        answer = self.call("GetSystemStatus", Options=self.type("SystemStatusOptions"))
        self.assertEqual("OK", answer.OverallStatus)
        self.assertEqual("OK", answer.Results.Result[0].SystemStatus)

    def test_operation_versioninfo(self):
        answer = self.call("VersionInfo", IncludeVersionHistory=True)
        self.assertTrue(answer.VersionInfo.Version)

    def test_operation_extract(self):
        answer = self.call("Extract", Requests=[self.type("ExtractRequest", ID="x", Options=self.type("ExtractOptions"))])
        self.refused(answer)

    def test_operation_execute(self):
        self.refused(self.call("Execute", Requests=[self.type("ExecuteRequest", Name="x")]))

    def test_operation_schedule(self):
        answer = self.call(
            "Schedule",
            Options=self.type("ScheduleOptions"),
            Action="start",
            Schedule=self.type("ScheduleDefinition", Recurrence=self.type("Recurrence")),
            Interactions={"Interaction": [self.type("EmailSendDefinition", CustomerKey="x")]},
        )
        self.refused(answer)

    def test_operation_configure(self):
        answer = self.call(
            "Configure",
            Options=self.type("ConfigureOptions"),
            Action="create",
            Configurations={"Configuration": [self.type("PropertyDefinition", Name="x")]},
        )
        self.refused(answer)

    def refused(self, answer):
        """Not offered, which is said in an ordinary answer."""
        self.assertEqual("Error", answer.OverallStatus, answer)
        results = answer.Results.Result if hasattr(answer.Results, "Result") else answer.Results
        self.assertEqual("Error", results[0].StatusCode)
        self.assertTrue(results[0].StatusMessage)

    def test_a_fault_is_read_as_one(self):
        with self.assertRaises(Fault) as raised:
            self.client.service.GetSystemStatus(Options=self.type("SystemStatusOptions"))
        self.assertEqual("Login Failed", raised.exception.message)


if __name__ == "__main__":
    unittest.main(verbosity=2)
