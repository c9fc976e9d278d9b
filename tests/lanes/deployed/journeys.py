"""Whole calls as stories, over HTTP against any endpoint: the local server, an emulator of AWS, or
what was deployed. tests/lanes/deployed/run starts them; docs/deploying.md explains the variables.
"""

import gzip
import os
import sys
import time
import unittest
from datetime import datetime, timedelta, timezone
from xml.etree import ElementTree

from endpoint import (
    ADDRESS,
    MAILS,
    PARTNER,
    SOAP_12,
    Receiver,
    accounts,
    aftercall,
    ask,
    element,
    fields,
    made,
    mail_address,
    mails_to,
    new,
    post_json,
    send_response_to,
    signed_by,
    subscriber,
    until,
)

CALLBACK_FIELDS = (
    "RequestID ConversationID OverallStatusCode StatusCode StatusMessage ErrorCode RequestType ResultType "
    "ResultDetailXML SequenceCode"
).split()
UNKNOWN = "00000000-0000-4000-8000-000000000000"

# Seconds that a deferred call may be late: AWS's schedules fire within their minute.
LATE_MAX_S = 60


def part(conversation, sequence, calls, **more):
    return {"ConversationID": conversation, "SequenceCode": sequence, "CallsInConversation": calls, **more}


class Journeys(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.account, cls.other = accounts()
        cls.receiver = Receiver()
        if not cls.receiver.url:
            print("!!!! CALLBACK is not set, so no callback is asked for and none is judged !!!!", file=sys.stderr)
        if not MAILS:
            print("!!!! MAILS is not set: mails are sent, and nobody looks whether they arrive !!!!", file=sys.stderr)

    @classmethod
    def tearDownClass(cls):
        cls.receiver.close()

    # What the stories are written with ---------------------------------------------------------------

    def is_refused(self, answer, code):
        self.assertEqual((200, "Error"), (answer.status, answer.overall), answer)
        [result] = answer.results
        self.assertEqual(str(code), answer.text("ErrorCode", result), answer)
        self.assertTrue(answer.text("StatusMessage", result), answer)

    def is_ok(self, answer):
        self.assertEqual((200, "OK"), (answer.status, answer.overall), answer)
        return answer

    def calls_back(self, path, when="OnCallComplete", **more):
        """A SendResponseTo, if there is an address that the endpoint reaches."""
        if self.receiver.url:
            return send_response_to(f"{self.receiver.url}/{path}", when, **more)
        return None

    def called_back(self, path, count):
        """The callbacks that came, in their order; None: there is nowhere that they could come to."""
        if not self.receiver.url:
            return None
        callbacks = self.receiver.wait(path, count)
        for callback in callbacks:
            self.assertEqual(CALLBACK_FIELDS, [it.split("=")[0] for it in callback["body"].decode().split("&")])
            if self.account.webhook_secret:
                self.assertTrue(signed_by(self.account.webhook_secret, callback), callback)
        return callbacks

    def addresses(self, *keys):
        """Subscribers that are there, of these."""
        return [key for key in keys if self.account.found("Subscriber", ["EmailAddress"], ("SubscriberKey", key))]

    # Who may call -----------------------------------------------------------------------------------

    def test_a_token_says_where_to_go(self):
        status, answer = self.account.ask_for_token()
        self.assertEqual((200, "Bearer"), (status, answer["token_type"]))
        self.assertGreater(answer["expires_in"], 300)
        self.assertEqual(ADDRESS + "/", answer["soap_instance_url"])

        for change, expected in (
            ({"client_secret": "wrong"}, (401, "invalid_client")),
            ({"grant_type": "password"}, (400, "unsupported_grant_type")),
        ):
            asked = {"grant_type": "client_credentials", "client_id": self.account.client_id, "client_secret": "x"}
            status, answer = post_json("/v2/token", {**asked, **change})
            self.assertEqual(expected, (status, answer["error"]))

    def test_the_wsdl_names_the_address(self):
        status, _, body = ask("/etframework.wsdl")
        self.assertEqual(200, status)
        locations = [it.get("location") for it in ElementTree.fromstring(body).iter() if it.tag.endswith("}address")]
        self.assertEqual({ADDRESS + "/Service.asmx"}, set(locations))

    def test_the_wsdl_is_packed_and_not_sent_twice(self):
        _, plain_headers, plain = ask("/etframework.wsdl")
        status, headers, packed = ask("/etframework.wsdl", headers={"Accept-Encoding": "gzip"})
        self.assertEqual((200, "gzip"), (status, headers["Content-Encoding"]))
        self.assertEqual(plain, gzip.decompress(packed))
        status, _, body = ask("/etframework.wsdl", headers={"If-None-Match": plain_headers["ETag"]})
        self.assertEqual((304, b""), (status, body))

    def test_who_may_not_call(self):
        one = subscriber(new("nobody"))
        wrong_token = '<fueloauth xmlns="http://exacttarget.com">nonsense</fueloauth>'
        for header in ("", wrong_token, self.account.password_header("wrong") if self.account.user else wrong_token):
            answer = self.account.call("Create", one, header=header)
            self.assertEqual((500, "Login Failed"), (answer.status, (answer.fault or ("", ""))[1]), answer)

    def test_a_user_with_a_password_may_call(self):
        if not self.account.user:
            self.skipTest("no SOAP_USER")
        self.is_ok(self.account.call("Create", subscriber(new("user")), header=self.account.password_header()))

    @unittest.skipUnless(os.environ.get("ACCOUNTS_TABLE"), "nobody may change an account here")
    def test_calls_that_do_not_say_how_are_queued_for_who_wants_it(self):
        by_account, by_client = made("journeys-async"), made("journeys-async")
        # Its client goes by the same name.
        aftercall("accounts", "async", by_account.client_id, "on")
        aftercall("clients", "async", by_client.client_id, "on")
        password = {"header": by_client.password_header()}
        for said, caller, how in (
            ("Queued", by_account, {}),
            ("Queued", by_account, {"header": by_account.password_header()}),
            ("Queued", by_client, {}),
            ("Created Subscriber.", by_client, password),
        ):
            answer = caller.call("Create", subscriber(new("async")), **how)
            self.assertEqual(("OK", said), (answer.overall, answer.text("StatusMessage")))

    def test_soap_1_2_is_answered_in_soap_1_2(self):
        one = subscriber(new("twelve"))
        answer = self.is_ok(self.account.call("Create", one, soap=SOAP_12))
        self.assertEqual(f"{{{SOAP_12}}}Envelope", answer.root.tag)
        answer = self.account.call("Create", one, soap=SOAP_12, header="")
        self.assertEqual((500, "Sender", "Login Failed"), (answer.status, *(answer.fault or ("", ""))), answer)

    def test_two_accounts_do_not_see_each_other(self):
        if not self.other:
            self.skipTest("neither ACCOUNTS_TABLE nor OTHER_CLIENT_ID")
        name, key = new("same"), new("same")
        ours = self.account.later(subscriber(key), **part(name, 1, 1))
        theirs = self.other.later(subscriber(key), **part(name, 1, 1))
        self.assertNotEqual(ours, theirs)
        self.assertEqual("Complete", self.account.ended(ours)[0])
        self.assertEqual("Complete", self.other.ended(theirs)[0])
        for kind, id in (("AsyncRequestResult", "ObjectID"), ("ResultMessage", "RequestID"), ("ResultItem", "RequestID")):
            self.assertEqual([], self.other.found(kind, [id], ("RequestID", ours)))
            self.assertEqual([(theirs,)], self.other.found(kind, [id], ("ConversationID", name)), kind)
        alone = new("alone")
        self.is_ok(self.account.create(subscriber(alone)))
        self.assertEqual([], self.other.found("Subscriber", ["EmailAddress"], ("SubscriberKey", alone)))

    # What is wrong is said at once ----------------------------------------------------------------------

    def test_what_is_no_call_is_a_fault(self):
        for body in (
            "this is no XML",
            '<!DOCTYPE x [<!ENTITY y "z">]><x>&y;</x>',
            "<Envelope><Body/></Envelope>",
        ):
            status, headers, answer = ask("/Service.asmx", body, {"Content-Type": "text/xml", "SOAPAction": '"Create"'})
            self.assertEqual(500, status, answer)
            self.assertIn("xml", headers["Content-Type"])
            self.assertIn(b"Fault>", answer)
            self.assertNotIn(b"Login Failed", answer)
        answer = self.account.post("Nonsense", f'<Nonsense xmlns="{PARTNER}"/>')
        self.assertEqual((500, "Client"), (answer.status, (answer.fault or ("", ""))[0]), answer)
        status, _, _ = ask("/nowhere")
        self.assertEqual(404, status)

    def test_an_envelope_that_is_too_large_is_refused_with_the_limit(self):
        answer = self.account.create(subscriber(new("large"), Padding="x" * 5_100_000))
        self.assertEqual((500, "Client"), (answer.status, (answer.fault or ("", ""))[0]), answer)
        self.assertIn("5", answer.fault[1])

    def test_what_is_wrong_with_a_call_is_said_at_once(self):
        one, name = subscriber(new("wrong")), new("wrong")
        later = {"RequestType": "Asynchronous"}
        for options, code in (
            ({**later, "ConversationID": name, "CallsInConversation": 2}, 202),
            ({**later, **part(name, 3, 2)}, 205),
            ({**later, **part(name, 1, 0)}, 206),
            ({**later, "SequenceCode": 1, "CallsInConversation": 1}, 207),
            ({**later, "ConversationID": name, "SequenceCode": 1}, 208),
            ({"ConversationID": name}, 209),
            ({**later, "ScheduledTime": "2099-01-01T00:00:00Z"}, 226),
            ({**later, "SendResponseTo": send_response_to("ftp://example.com/")}, 227),
            ({**later, "RequestExpirationTime": "2020-01-01T00:00:00Z"}, 228),
        ):
            with self.subTest(code=code):
                self.is_refused(self.account.call("Create", one, options), code)
        self.is_refused(self.account.call("Create", []), 6)

    # Calls, later -------------------------------------------------------------------------------------

    def test_a_conversation_sent_as_3_1_2_runs_as_1_2_3(self):
        name, path = new("order"), new("order")
        keys, requests = {it: new(f"part{it}") for it in (1, 2, 3)}, {}
        for place in (3, 1, 2):
            if place == 2:
                states = self.account.found("AsyncRequestResult", ["Status"], ("ConversationID", name))
                self.assertEqual([("Gathering",)] * 2, states)
                self.assertEqual([], self.account.found("ResultMessage", ["RequestID"], ("ConversationID", name)))
                self.assertEqual([], self.addresses(*keys.values()))
            options = part(name, place, 3, SendResponseTo=self.calls_back(path, IncludeResults="true"))
            requests[place] = self.account.later(subscriber(keys[place]), **options)

        for request in requests.values():
            self.assertEqual(("Complete", "OK"), self.account.ended(request)[:2])
        results = self.account.found("ResultMessage", ("SequenceCode", "RequestID"), ("ConversationID", name))
        self.assertEqual({str(place): request for place, request in requests.items()}, dict(results))
        items = self.account.found("ResultItem", ("RequestID", "StatusCode"), ("ConversationID", name))
        self.assertEqual({(request, "OK") for request in requests.values()}, set(items))
        self.assertEqual(list(keys.values()), self.addresses(*keys.values()))

        callbacks = self.called_back(path, 3)
        if callbacks is not None:
            self.assertEqual(["1", "2", "3"], [it["SequenceCode"] for it in callbacks])
            self.assertEqual([requests[it] for it in (1, 2, 3)], [it["RequestID"] for it in callbacks])
            self.assertEqual({"OK"}, {it["OverallStatusCode"] for it in callbacks})
            for callback in callbacks:
                ElementTree.fromstring(callback["ResultDetailXML"])

    def test_a_conversation_runs_at_every_priority(self):
        requests = {
            priority: [
                self.account.later(subscriber(new(priority)), **part(name, place, 2, QueuePriority=priority))
                for place in (1, 2)
            ]
            for priority in ("Low", "Medium", "High")
            for name in [new(priority)]
        }
        for priority, both in requests.items():
            for request in both:
                self.assertEqual(("Complete", "OK"), self.account.ended(request)[:2], priority)

    def test_the_same_part_again_is_the_same_call(self):
        one, other, name = subscriber(new("again")), subscriber(new("other")), new("again")
        first = self.account.later(one, **part(name, 1, 2))
        self.assertEqual(first, self.account.later(one, **part(name, 1, 2)))
        second = self.account.later(other, **part(name, 2, 2))
        self.assertEqual("Complete", self.account.ended(second)[0])
        self.assertEqual(first, self.account.later(one, **part(name, 1, 2)))
        # Had it been carried out twice, the second time would have failed: the subscriber is there.
        self.assertEqual(("Complete", "OK"), self.account.state(first)[:2])
        self.assertEqual(1, len(self.account.found("ResultItem", ["StatusCode"], ("RequestID", first))))
        options = {"RequestType": "Asynchronous", **part(name, 1, 2)}
        self.is_refused(self.account.call("Create", other, options), 211)

    def test_an_idempotency_key_makes_a_call_the_same_call(self):
        one, key = subscriber(new("keyed")), new("key")
        answers = [
            self.account.call("Create", one, {"RequestType": "Asynchronous"}, Idempotency_Key=key) for _ in range(2)
        ]
        first, second = [self.is_ok(answer).request_id for answer in answers]
        self.assertEqual(first, second)
        self.assertEqual(("Complete", "OK"), self.account.ended(first)[:2])

    def test_a_call_that_fails_stops_those_behind_it(self):
        known, path = new("known"), new("failing")
        self.is_ok(self.account.create(subscriber(known)))
        name, keys = new("failing"), [new("a"), known, new("c"), new("d")]
        requests = [
            self.account.later(
                subscriber(key),
                **part(name, place, 4, SendResponseTo=self.calls_back(path, "OnConversationError") if place == 1 else None),
            )
            for place, key in enumerate(keys, 1)
        ]
        states = [self.account.ended(request) for request in requests]
        self.assertEqual(["Complete", "Error", "NotProcessed", "NotProcessed"], [state[0] for state in states])
        for state in states[2:]:
            self.assertIn(requests[1], state[2])
        self.assertEqual(
            [("Error", "12014")], self.account.found("ResultItem", ("StatusCode", "ErrorCode"), ("RequestID", requests[1]))
        )
        self.assertEqual([keys[0], known], self.addresses(*keys))
        callbacks = self.called_back(path, 1)
        if callbacks is not None:
            self.assertEqual([requests[0]], [it["RequestID"] for it in callbacks])

    def test_a_deferred_call_waits_for_its_time(self):
        path, key = new("deferred"), new("deferred")
        due = datetime.now(timezone.utc) + timedelta(seconds=15)
        request = self.account.later(
            subscriber(key), ScheduledTime=due.isoformat(timespec="seconds"), SendResponseTo=self.calls_back(path)
        )
        self.assertEqual("Scheduled", self.account.state(request)[0])
        self.assertEqual([], self.addresses(key))
        self.assertEqual(("Complete", "OK"), self.account.ended(request, 15 + LATE_MAX_S + 30)[:2])
        # Clocks of two machines; ours may be a second ahead.
        self.assertGreaterEqual(time.time(), due.timestamp() - 1)
        [(complete,)] = self.account.found("AsyncRequestResult", ["CompleteDate"], ("RequestID", request))
        self.assertTrue(complete)
        callbacks = self.called_back(path, 1)
        if callbacks is not None:
            self.assertGreaterEqual(callbacks[0]["at"], due.timestamp() - 1)

    def test_a_deferred_call_can_be_cancelled(self):
        key, due = new("cancelled"), datetime.now(timezone.utc) + timedelta(days=2)
        request = self.account.later(subscriber(key), ScheduledTime=due.isoformat(timespec="seconds"))
        self.assertEqual("Scheduled", self.account.state(request)[0])
        it = lambda request: element("Objects", fields(RequestID=request), xsi_type="ScheduledRequest")  # noqa: E731
        self.is_ok(self.account.call("Delete", it(request)))
        self.assertEqual("Cancelled", self.account.ended(request)[0])
        self.assertEqual([], self.addresses(key))
        done = self.account.later(subscriber(new("done")))
        self.assertEqual("Complete", self.account.ended(done)[0])
        self.is_refused(self.account.call("Delete", it(done)), 222)
        self.is_refused(self.account.call("Delete", it(UNKNOWN)), 220)

    def test_unknown_and_pending_look_different(self):
        self.assertIsNone(self.account.state(UNKNOWN))
        pending = self.account.later(subscriber(new("pending")), **part(new("pending"), 1, 2))
        self.assertEqual("Gathering", self.account.state(pending)[0])

    def test_a_call_that_no_item_of_a_table_could_hold(self):
        extension, path, count = self.extension(), new("large"), 200
        # Random, so that packing does not make it small again.
        marks = [os.urandom(2_000).hex() for _ in range(count)]
        rows = [self.row(extension, correlation=mark, Id=f"{it}") for it, mark in enumerate(marks)]
        back = self.calls_back(path, IncludeResults="true", IncludeObjects="true")
        request = self.account.later(rows, SendResponseTo=back)
        self.assertEqual(("Complete", "OK"), self.account.ended(request)[:2])
        [(detail,)] = self.account.found("ResultMessage", ["ResultDetailXML"], ("RequestID", request))
        callbacks = self.called_back(path, 1)
        for text in [detail] + [it["ResultDetailXML"] for it in callbacks or []]:
            found = {it.text for it in ElementTree.fromstring(text).iter(f"{{{PARTNER}}}CorrelationID")}
            self.assertEqual(set(marks), found)

    def test_a_callback_that_fails_is_tried_again(self):
        if not self.receiver.url:
            self.skipTest("no CALLBACK")
        path = new("again")
        self.receiver.refusals[path] = 1
        request = self.account.later(subscriber(new("again")), SendResponseTo=self.calls_back(path))
        # Five seconds later, and wherever the wake-up is late, at the timekeeper's next minute.
        first, second = until("a second attempt", lambda: len(self.receiver.at(path)) >= 2 and self.receiver.at(path), 150)
        self.assertEqual([request] * 2, [first["RequestID"], second["RequestID"]])
        self.assertEqual(first["headers"]["webhook-id"], second["headers"]["webhook-id"])
        self.assertGreater(second["at"] - first["at"], 2)

    # Objects ------------------------------------------------------------------------------------------

    def extension(self):
        """A new data extension with the text Id as its key, and a Name."""
        key = new("extension")
        columns = element(
            "Field", fields(Name="Id", IsRequired="true", IsPrimaryKey="true", FieldType="Text", MaxLength=50)
        ) + element("Field", fields(Name="Name", FieldType="Text", MaxLength=100))
        it = fields(CustomerKey=key, Name=key) + element("Fields", columns)
        self.is_ok(self.account.create(element("Objects", it, xsi_type="DataExtension")))
        return key

    def row(self, extension, correlation=None, **values):
        properties = "".join(element("Property", fields(Name=name, Value=value)) for name, value in values.items())
        contents = fields(CorrelationID=correlation, CustomerKey=extension) + element("Properties", properties)
        return element("Objects", contents, xsi_type="DataExtensionObject")

    def rows(self, extension):
        answer = self.is_ok(self.account.retrieve(f"DataExtensionObject[{extension}]", ["Id", "Name"]))
        return [self.values(answer, it) for it in answer.results]

    def values(self, answer, result):
        """The values of a row, in the order that they were asked for."""
        return tuple(answer.text("Value", it) for it in result.iter(f"{{{PARTNER}}}Property"))

    def test_rows_come_back_as_they_went_in(self):
        extension = self.extension()
        self.is_ok(self.account.create([self.row(extension, Id="1", Name="Ann"), self.row(extension, Id="2", Name="Böb & <Co>")]))
        self.assertEqual("Error", self.account.create(self.row(extension, Id="1", Name="Eve")).overall)
        self.is_ok(self.account.call("Update", self.row(extension, Id="1", Name="Anna")))
        save = element("SaveOptions", element("SaveOption", fields(PropertyName="*", SaveAction="UpdateAdd")))
        self.is_ok(self.account.call("Update", self.row(extension, Id="3", Name="Cy"), {"SaveOptions": save}))
        self.assertEqual([("1", "Anna"), ("2", "Böb & <Co>"), ("3", "Cy")], sorted(self.rows(extension)))
        keys = element("Keys", element("Key", fields(Name="Id", Value="2")))
        gone = element("Objects", fields(CustomerKey=extension) + keys, xsi_type="DataExtensionObject")
        self.is_ok(self.account.call("Delete", gone))
        self.assertEqual([("1", "Anna"), ("3", "Cy")], sorted(self.rows(extension)))

    def test_more_than_a_page_is_continued(self):
        extension, count = self.extension(), 2_503
        requests = [
            self.account.later(
                [self.row(extension, Id=f"{it:05}", Name="x") for it in range(start, min(count, start + 1_000))]
            )
            for start in range(0, count, 1_000)
        ]
        for request in requests:
            self.assertEqual(("Complete", "OK"), self.account.ended(request)[:2])
        first = self.account.retrieve(f"DataExtensionObject[{extension}]", ["Id"])
        self.assertEqual(("MoreDataAvailable", 2_500), (first.overall, len(first.results)))
        rest = self.account.retrieve("", [], continued=first.request_id)
        self.assertEqual(("OK", count - 2_500), (rest.overall, len(rest.results)))
        found = {self.values(page, row) for page in (first, rest) for row in page.results}
        self.assertEqual({(f"{it:05}",) for it in range(count)}, found)

    # Mails --------------------------------------------------------------------------------------------

    def test_a_triggered_send_mails_each_subscriber(self):
        definition = new("definition")
        email = element("Email", fields(HTMLBody="<p>Dear %%FirstName%%</p>", TextBody="Dear %%FirstName%%"))
        contents = fields(CustomerKey=definition, Name=definition, TriggeredSendStatus="Active")
        contents += email + fields(EmailSubject="Hello %%FirstName%%")
        self.is_ok(self.account.create(element("Objects", contents, xsi_type="TriggeredSendDefinition")))

        people = {"Ann": new("ann"), "Bob": new("bob")}
        to = "".join(
            subscriber(key, FirstName=name)
            .replace('<Objects xsi:type="Subscriber">', "<Subscribers>")
            .replace("</Objects>", "</Subscribers>")
            for name, key in people.items()
        )
        send = element("TriggeredSendDefinition", fields(CustomerKey=definition)) + to
        reply_to = mail_address(new("reply"))
        request = self.account.later(
            element("Objects", send, xsi_type="TriggeredSend"),
            SendResponseTo=send_response_to(reply_to, kind="email", IncludeResults="true"),
        )
        self.assertEqual(("Complete", "OK"), self.account.ended(request)[:2])
        [(detail,)] = self.account.found("ResultMessage", ["ResultDetailXML"], ("RequestID", request))
        self.assertIn("TriggeredSendCreateResult", detail)
        if not MAILS:
            return
        for name, key in people.items():
            [mail] = until(f"a mail to {name}", lambda: mails_to(mail_address(key)))
            self.assertEqual(f"Hello {name}", mail["subject"])
            self.assertIn(f"<p>Dear {name}</p>", mail["html"])
            self.assertIn(f"Dear {name}", mail["text"])
        [mail] = until("the reply", lambda: mails_to(reply_to))
        [attachment] = mail["attachments"]
        [results] = attachment["files"]
        self.assertEqual(("Results.zip", "Results.xml"), (attachment["name"], results["name"]))
        self.assertIn("TriggeredSendCreateResult", results["text"])


if __name__ == "__main__":
    unittest.main(verbosity=2)
