// Java by Axis 1.4: everything but this file is what WSDL2Java made of the WSDL.

import axis.*;
import java.net.URI;
import java.net.URL;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Objects;
import java.util.UUID;
import java.util.concurrent.Callable;
import org.apache.axis.AxisFault;

public class Axis {
    static final String BASE = System.getenv("BASE");
    static final String RECEIVER = System.getenv("RECEIVER");

    static void did(String what) throws Exception {
        Files.writeString(Path.of(System.getenv("DID")), "Axis\t1.1\t" + what + "\n",
            StandardOpenOption.CREATE, StandardOpenOption.APPEND);
    }

    static void same(Object expected, Object found) {
        if (!Objects.equals(expected, found)) {
            throw new AssertionError("expected " + expected + ", found " + found);
        }
    }

    static void until(String what, Callable<Boolean> found) throws Exception {
        long end = System.currentTimeMillis() + 60_000;
        while (System.currentTimeMillis() < end) {
            if (found.call()) {
                return;
            }
            Thread.sleep(50);
        }
        throw new AssertionError("still not after a minute: " + what);
    }

    static String fresh(String prefix) {
        return prefix + "-" + UUID.randomUUID().toString().substring(0, 13);
    }

    static SoapBindingStub port(String token) throws Exception {
        SoapBindingStub port = (SoapBindingStub) new PartnerAPILocator().getSoap(new URL(BASE + "/Service.asmx"));
        port.setHeader("http://exacttarget.com", "fueloauth", token);
        return port;
    }

    static CreateResponse create(SoapBindingStub port, APIObject object, CreateOptions options) throws Exception {
        CreateRequest request = new CreateRequest();
        request.setOptions(options);
        request.setObjects(new APIObject[] {object});
        return port.create(request);
    }

    static SimpleFilterPart equal(String property, String value) {
        SimpleFilterPart part = new SimpleFilterPart();
        part.setProperty(property);
        part.setSimpleOperator(SimpleOperators.equals);
        part.setValue(new String[] {value});
        return part;
    }

    static APIObject[] retrieve(SoapBindingStub port, String type, String[] properties, String name, String value)
        throws Exception {
        RetrieveRequest request = new RetrieveRequest();
        request.setObjectType(type);
        request.setProperties(properties);
        request.setFilter(equal(name, value));
        RetrieveRequestMsg message = new RetrieveRequestMsg();
        message.setRetrieveRequest(request);
        RetrieveResponseMsg answer = port.retrieve(message);
        same("OK", answer.getOverallStatus());
        return answer.getResults() == null ? new APIObject[0] : answer.getResults();
    }

    static Subscriber subscriber(String key) {
        Subscriber it = new Subscriber();
        it.setSubscriberKey(key);
        it.setEmailAddress(key + "@example.com");
        return it;
    }

    static CreateOptions asynchronous() {
        CreateOptions options = new CreateOptions();
        options.setRequestType(RequestType.Asynchronous);
        return options;
    }

    static void ended(SoapBindingStub port, String request) throws Exception {
        String[] status = {"Status"};
        until("call " + request + " to end", () -> {
            APIObject[] states = retrieve(port, "AsyncRequestResult", status, "RequestID", request);
            return "Complete".equals(((AsyncRequestResult) states[0]).getStatus());
        });
    }

    public static void main(String[] arguments) throws Exception {
        SoapBindingStub port = port(System.getenv("TOKEN"));

        String key = fresh("subscriber");
        CreateResponse answer = create(port, subscriber(key), new CreateOptions());
        same("Created Subscriber.", answer.getResults()[0].getStatusMessage());
        String[] properties = {"EmailAddress"};
        Subscriber found = (Subscriber) retrieve(port, "Subscriber", properties, "SubscriberKey", key)[0];
        same(key + "@example.com", found.getEmailAddress());
        did("sync");

        FilterDefinition definition = new FilterDefinition();
        definition.setCustomerKey(key);
        definition.setName("Romans");
        definition.setDataFilter(equal("City", "Rome"));
        create(port, definition, new CreateOptions());
        properties = new String[] {"Name", "DataFilter"};
        definition = (FilterDefinition) retrieve(port, "FilterDefinition", properties, "CustomerKey", key)[0];
        same("Romans", definition.getName());
        same("Rome", ((SimpleFilterPart) definition.getDataFilter()).getValue()[0]);
        did("any type");

        String path = "/" + fresh("callback");
        AsyncResponse back = new AsyncResponse();
        back.setResponseType(AsyncResponseType.HTTPPost);
        back.setResponseAddress(RECEIVER + path);
        back.setRespondWhen(RespondWhen.OnCallComplete);
        back.setIncludeResults(true);
        CreateOptions options = asynchronous();
        options.setQueuePriority(Priority.High);
        options.setSendResponseTo(new AsyncResponse[] {back});
        answer = create(port, subscriber(fresh("queued")), options);
        same("Queued", answer.getResults()[0].getStatusMessage());
        String request = answer.getRequestID();
        ended(port, request);
        did("async");
        HttpRequest look = HttpRequest.newBuilder(URI.create(RECEIVER + path)).build();
        until("the callback", () -> HttpClient.newHttpClient()
            .send(look, HttpResponse.BodyHandlers.ofString()).body().contains("RequestID=" + request + "&"));
        did("callback");
        properties = new String[] {"StatusCode"};
        ResultItem item = (ResultItem) retrieve(port, "ResultItem", properties, "RequestID", request)[0];
        same("OK", item.getStatusCode());
        did("results");

        String conversation = fresh("conversation");
        for (int place : new int[] {3, 1, 2}) {
            CreateOptions its = asynchronous();
            its.setConversationID(conversation);
            its.setSequenceCode(place);
            its.setCallsInConversation(3);
            answer = create(port, subscriber(fresh("part")), its);
            same("OK", answer.getOverallStatus());
        }
        ended(port, answer.getRequestID());
        String[] status = {"OverallStatusCode"};
        until("all three", () -> {
            int ok = 0;
            for (APIObject told : retrieve(port, "ResultMessage", status, "ConversationID", conversation)) {
                ok += "OK".equals(((ResultMessage) told).getOverallStatusCode()) ? 1 : 0;
            }
            return ok == 3;
        });
        did("conversation");

        try {
            create(port("no token of ours"), subscriber(fresh("nobody")), new CreateOptions());
            throw new AssertionError("a wrong token was accepted");
        } catch (AxisFault fault) {
            same("Login Failed", fault.getFaultString());
            same("Security", fault.getFaultCode().getLocalPart());
        }
        did("fault");
    }
}
