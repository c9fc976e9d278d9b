// WCF: its channels, encoders and faults, with the types that wsdl.exe made of the WSDL, since mono's
// svcutil leaves out half of them; what it calls message contracts stands here. SOAP 1.1 as
// BasicHttpBinding has it, and SOAP 1.2 with the addressing of August 2004, which the original's
// documentation names.

using System;
using System.Collections.Generic;
using System.IO;
using System.ServiceModel;
using System.ServiceModel.Channels;
using System.Xml;
using System.Xml.Serialization;
// The WSDL has a type of that name, too.
using Envelope = System.ServiceModel.Channels.Message;

public class CreateRequest {
    public CreateOptions Options;
    [XmlElement("Objects")] public APIObject[] Objects;
}

public class CreateResponse {
    [XmlElement("Results")] public CreateResult[] Results;
    public string RequestID, OverallStatus;
}

public class RetrieveRequestMsg {
    public RetrieveRequest RetrieveRequest;
}

public class RetrieveResponseMsg {
    public string OverallStatus, RequestID;
    [XmlElement("Results")] public APIObject[] Results;
}

class Wcf : Tour {
    const string Api = "http://exacttarget.com/wsdl/partnerAPI";

    readonly MessageVersion version;
    readonly IRequestChannel channel;

    Wcf(string name, MessageVersion version) : base(".NET WCF", name) {
        this.version = version;
        var encoding = new TextMessageEncodingBindingElement(version, System.Text.Encoding.UTF8);
        var binding = new CustomBinding(encoding, new HttpTransportBindingElement());
        var factory = binding.BuildChannelFactory<IRequestChannel>();
        factory.Open();
        channel = factory.CreateChannel(new EndpointAddress(Shared.Base + "/Service.asmx"));
        channel.Open();
    }

    // Made once: each is compiled from all types of the WSDL.
    static readonly Dictionary<Type, XmlSerializer> serializers = new Dictionary<Type, XmlSerializer>();

    static XmlSerializer Serializer(Type type, string root) {
        XmlSerializer known;
        if (!serializers.TryGetValue(type, out known)) {
            known = new XmlSerializer(type, new XmlAttributeOverrides(), new Type[0], new XmlRootAttribute(root) { Namespace = Api }, Api);
            serializers[type] = known;
        }
        return known;
    }

    Envelope Ask(string action, string root, object payload, string token) {
        var text = new StringWriter();
        Serializer(payload.GetType(), root).Serialize(text, payload);
        var body = new XmlTextReader(new StringReader(text.ToString()));
        body.MoveToContent();
        var message = Envelope.CreateMessage(version, action, body);
        message.Headers.Add(MessageHeader.CreateHeader("fueloauth", "http://exacttarget.com", token, new PlainText()));
        return channel.Request(message);
    }

    T Answer<T>(string action, string root, object payload, string answer) {
        var message = Ask(action, root, payload, Shared.Token);
        if (message.IsFault) throw new FaultException(MessageFault.CreateFault(message, 65536));
        return (T) Serializer(typeof(T), answer).Deserialize(message.GetReaderAtBodyContents());
    }

    protected override CreateResult[] Create(CreateOptions options, APIObject[] objects, out string requestId, out string overallStatus) {
        var request = new CreateRequest { Options = options, Objects = objects };
        var answer = Answer<CreateResponse>("Create", "CreateRequest", request, "CreateResponse");
        requestId = answer.RequestID;
        overallStatus = answer.OverallStatus;
        return answer.Results;
    }

    protected override APIObject[] Retrieve(RetrieveRequest request, out string overallStatus) {
        var message = new RetrieveRequestMsg { RetrieveRequest = request };
        var answer = Answer<RetrieveResponseMsg>("Retrieve", "RetrieveRequestMsg", message, "RetrieveResponseMsg");
        overallStatus = answer.OverallStatus;
        return answer.Results;
    }

    protected override void IsRefused() {
        var request = new CreateRequest { Options = new CreateOptions(), Objects = new APIObject[] { Shared.Subscriber("nobody") } };
        var message = Ask("Create", "CreateRequest", request, "no token of ours");
        Shared.Same(true, message.IsFault);
        var fault = MessageFault.CreateFault(message, 65536);
        Shared.Same("Login Failed", fault.Reason.GetMatchingTranslation().Text);
        var code = version.Envelope == EnvelopeVersion.Soap12 ? fault.Code.SubCode : fault.Code;
        Shared.Same("Security", code.Name);
        Shared.Same("http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd", code.Namespace);
    }

    static void Main() {
        new Wcf("1.1", MessageVersion.Soap11).Run();
        new Wcf("1.2", MessageVersion.Soap12WSAddressingAugust2004).Run();
    }
}

class PlainText : System.Runtime.Serialization.XmlObjectSerializer {
    public override void WriteStartObject(XmlDictionaryWriter writer, object it) { }
    public override void WriteObjectContent(XmlDictionaryWriter writer, object it) { writer.WriteString((string) it); }
    public override void WriteEndObject(XmlDictionaryWriter writer) { }
    public override bool IsStartObject(XmlDictionaryReader reader) { return true; }
    public override object ReadObject(XmlDictionaryReader reader, bool verify) { return reader.ReadString(); }
}
