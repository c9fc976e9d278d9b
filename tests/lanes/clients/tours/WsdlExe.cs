// .NET by wsdl.exe: its proxy as it is. The header with the token is put in by a SoapExtension, named in
// the program's configuration, as .NET has it for what a WSDL does not say.

using System;
using System.IO;
using System.Web.Services.Protocols;
using System.Xml;

public class TokenExtension : SoapExtension {
    [ThreadStatic] public static string Token;

    public override object GetInitializer(Type service) { return null; }
    public override object GetInitializer(LogicalMethodInfo method, SoapExtensionAttribute attribute) { return null; }
    public override void Initialize(object initializer) { }

    public override void ProcessMessage(SoapMessage message) {
        if (message.Stage != SoapMessageStage.BeforeSerialize) return;
        var element = new XmlDocument().CreateElement("fueloauth", "http://exacttarget.com");
        element.InnerText = Token;
        message.Headers.Add(new SoapUnknownHeader { Element = element });
    }
}

class WsdlExe : Tour {
    readonly PartnerAPI service;

    WsdlExe(string name, SoapProtocolVersion version) : base(".NET wsdl.exe", name) {
        service = new PartnerAPI { Url = Shared.Base + "/Service.asmx", SoapVersion = version };
    }

    protected override CreateResult[] Create(CreateOptions options, APIObject[] objects, out string requestId, out string overallStatus) {
        TokenExtension.Token = Shared.Token;
        return service.Create(options, objects, out requestId, out overallStatus);
    }

    protected override APIObject[] Retrieve(RetrieveRequest request, out string overallStatus) {
        string requestId;
        APIObject[] found;
        TokenExtension.Token = Shared.Token;
        overallStatus = service.Retrieve(request, out requestId, out found);
        return found;
    }

    protected override void IsRefused() {
        string requestId, status;
        TokenExtension.Token = "no token of ours";
        try {
            service.Create(new CreateOptions(), new APIObject[] { Shared.Subscriber("nobody") }, out requestId, out status);
        } catch (SoapException fault) {
            Shared.Same("Login Failed", fault.Message);
            return;
        }
        throw new Exception("a wrong token was accepted");
    }

    static void Main() {
        new WsdlExe("1.1", SoapProtocolVersion.Soap11).Run();
        new WsdlExe("1.2", SoapProtocolVersion.Soap12).Run();
    }
}
