"""The door of spyne + procrastinate: spyne reads and checks the call, procrastinate keeps it.

Served by gunicorn: `gunicorn door:application`; PG is the connection string.
"""

import os
import uuid

import procrastinate
from spyne import Application, ComplexModel, Integer, ServiceBase, Unicode, rpc
from spyne.protocol.soap import Soap11
from spyne.server.wsgi import WsgiApplication

NAMESPACE = "http://exacttarget.com/wsdl/partnerAPI"
SECURITY = "{http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd}"

keeper = procrastinate.App(connector=procrastinate.SyncPsycopgConnector(conninfo=os.environ["PG"], max_size=20))
keeper.open()


class Model(ComplexModel):
    __namespace__ = NAMESPACE


class AsyncResponse(Model):
    ResponseType = Unicode(values=["HTTPPost", "email", "None"], min_occurs=1)
    ResponseAddress = Unicode(min_occurs=1)
    RespondWhen = Unicode


class CreateOptions(Model):
    SendResponseTo = AsyncResponse.customize(max_occurs="unbounded")
    ConversationID = Unicode
    SequenceCode = Integer
    CallsInConversation = Integer
    RequestType = Unicode(values=["Asynchronous"], min_occurs=1)


class Attribute(Model):
    Name = Unicode(min_occurs=1)
    Value = Unicode


class Subscriber(Model):
    # As a list, since spyne has a meaning of its own for a member of this name.
    _type_info = [
        ("EmailAddress", Unicode(min_occurs=1)),
        ("Attributes", Attribute.customize(max_occurs="unbounded")),
        ("SubscriberKey", Unicode(min_occurs=1)),
    ]


class CreateResult(Model):
    StatusCode = Unicode
    StatusMessage = Unicode


class PartnerAPI(ServiceBase):
    @rpc(
        CreateOptions.customize(min_occurs=1),
        Subscriber.customize(min_occurs=1, max_occurs="unbounded"),
        _returns=[CreateResult.customize(max_occurs="unbounded"), Unicode, Unicode],
        _out_variable_names=["Results", "RequestID", "OverallStatus"],
        _in_message_name="CreateRequest",
        _out_message_name="CreateResponse",
    )
    def Create(ctx, Options, Objects):
        token = ctx.in_header_doc[0][0]
        name = token.findtext(f"{SECURITY}Username"), token.findtext(f"{SECURITY}Password")
        if name != ("local", "local"):
            raise ValueError("login failed")
        request_id = str(uuid.uuid4())
        call = {
            "requestId": request_id,
            "conversationId": Options.ConversationID or request_id,
            "sequence": int(Options.SequenceCode or 1),
            "calls": int(Options.CallsInConversation or 1),
            "address": Options.SendResponseTo[0].ResponseAddress,
            "objects": [
                {
                    "EmailAddress": one.EmailAddress,
                    "SubscriberKey": one.SubscriberKey,
                    "Attributes": [[each.Name, each.Value] for each in one.Attributes],
                }
                for one in Objects
            ],
        }
        keeper.configure_task("call", queue="calls", lock=call["conversationId"]).defer(call=call)
        results = [CreateResult(StatusCode="OK", StatusMessage="Queued") for _ in Objects]
        return results, request_id, "OK"


application = WsgiApplication(
    Application([PartnerAPI], NAMESPACE, in_protocol=Soap11(validator="soft"), out_protocol=Soap11())
)
