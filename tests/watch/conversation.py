"""One conversation of three, sent in the order 3, 1, 2 to functions that `cargo lambda watch` runs,
and its three callbacks. Environment: BASE, where ingest is reached."""

import sys
import urllib.request
from pathlib import Path
from xml.etree import ElementTree
from xml.sax.saxutils import escape

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "clients"))

from stage import BASE, Receiver, new, until  # noqa: E402

PARTNER = "{http://exacttarget.com/wsdl/partnerAPI}"

ENVELOPE = """<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"
    xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
  <soap:Header>
    <wsse:Security xmlns:wsse="http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd">
      <wsse:UsernameToken><wsse:Username>local</wsse:Username><wsse:Password>local</wsse:Password></wsse:UsernameToken>
    </wsse:Security>
  </soap:Header>
  <soap:Body>{}</soap:Body>
</soap:Envelope>"""

CREATE = """<CreateRequest xmlns="http://exacttarget.com/wsdl/partnerAPI">
  <Options>
    <SendResponseTo>
      <ResponseType>HTTPPost</ResponseType><ResponseAddress>{address}</ResponseAddress>
      <RespondWhen>OnCallComplete</RespondWhen>
    </SendResponseTo>
    <ConversationID>{conversation}</ConversationID>
    <SequenceCode>{place}</SequenceCode><CallsInConversation>3</CallsInConversation>
    <RequestType>Asynchronous</RequestType>
  </Options>
  <Objects xsi:type="Subscriber">
    <EmailAddress>{key}@example.com</EmailAddress><SubscriberKey>{key}</SubscriberKey>
  </Objects>
</CreateRequest>"""

RETRIEVE = """<RetrieveRequestMsg xmlns="http://exacttarget.com/wsdl/partnerAPI">
  <RetrieveRequest>
    <ObjectType>{object_type}</ObjectType><Properties>{property}</Properties><Properties>RequestID</Properties>
    <Filter xsi:type="SimpleFilterPart">
      <Property>ConversationID</Property><SimpleOperator>equals</SimpleOperator><Value>{conversation}</Value>
    </Filter>
  </RetrieveRequest>
</RetrieveRequestMsg>"""


def send(action, body):
    request = urllib.request.Request(
        BASE + "/Service.asmx",
        data=ENVELOPE.format(body).encode(),
        headers={"Content-Type": "text/xml; charset=utf-8", "SOAPAction": f'"{action}"'},
    )
    # The first answer waits until the function is compiled.
    with urllib.request.urlopen(request, timeout=1_200) as answer:
        return ElementTree.fromstring(answer.read())


def texts(answer, name):
    return [element.text for element in answer.iter(PARTNER + name)]


def retrieved(object_type, property, conversation):
    answer = send("Retrieve", RETRIEVE.format(object_type=object_type, property=property, conversation=conversation))
    assert texts(answer, "OverallStatus") == ["OK"], ElementTree.tostring(answer)
    return texts(answer, property)


def main():
    receiver, conversation = Receiver(), new("conversation")
    requests = {}
    for place in (3, 1, 2):
        if place == 2:
            assert retrieved("AsyncRequestResult", "Status", conversation) == ["Gathering"] * 2
            assert receiver.received == [], receiver.received
        answer = send(
            "Create",
            CREATE.format(
                address=escape(receiver.url + "/watched"), conversation=conversation, place=place, key=new("part")
            ),
        )
        assert texts(answer, "OverallStatus") == ["OK"], ElementTree.tostring(answer)
        requests[str(place)] = texts(answer, "RequestID")[0]

    # The first wake-up and the first reply wait until their functions are compiled.
    until("three callbacks", lambda: len(receiver.received) >= 3, 1_200)
    first = {callback["RequestID"]: callback for callback in receiver.received}
    assert [callback["SequenceCode"] for callback in first.values()] == ["1", "2", "3"], receiver.received
    assert {it["SequenceCode"]: it["RequestID"] for it in first.values()} == requests
    assert {it["OverallStatusCode"] for it in first.values()} == {"OK"}, receiver.received
    assert retrieved("AsyncRequestResult", "Status", conversation) == ["Complete"] * 3
    assert retrieved("ResultMessage", "OverallStatusCode", conversation) == ["OK"] * 3
    assert retrieved("ResultItem", "StatusCode", conversation) == ["OK"] * 3
    print("a conversation of three, sent as 3, 1, 2: ran as 1, 2, 3, and three callbacks came in that order")


main()
