// Java by JAX-WS: everything but this file is what wsimport made of the WSDL.

import api.*;
import com.sun.xml.ws.api.message.Headers;
import com.sun.xml.ws.developer.WSBindingProvider;
import java.net.URI;
import java.net.URL;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.Objects;
import java.util.UUID;
import java.util.concurrent.Callable;
import javax.xml.namespace.QName;
import javax.xml.ws.soap.SOAPFaultException;

public class Tour {
    static final String BASE = System.getenv("BASE");
    static final String RECEIVER = System.getenv("RECEIVER");

    static void did(String what) throws Exception {
        Files.writeString(Path.of(System.getenv("DID")), "JAX-WS\t1.1\t" + what + "\n",
            StandardOpenOption.CREATE, StandardOpenOption.APPEND);
    }

    static void same(Object expected, Object found) {
        if (!Objects.equals(expected, found)) {
            throw new AssertionError("expected " + expected + ", found " + found);
        }
    }

    static <T> T until(String what, Callable<T> found) throws Exception {
        long end = System.currentTimeMillis() + 60_000;
        while (System.currentTimeMillis() < end) {
            T it = found.call();
            if (it != null) {
                return it;
            }
            Thread.sleep(50);
        }
        throw new AssertionError("still not after a minute: " + what);
    }

    static String fresh(String prefix) {
        return prefix + "-" + UUID.randomUUID().toString().substring(0, 13);
    }

    static Soap port(String token) throws Exception {
        Soap port = new PartnerAPI(new URL(BASE + "/etframework.wsdl")).getSoap();
        QName name = new QName("http://exacttarget.com", "fueloauth");
        ((WSBindingProvider) port).setOutboundHeaders(Headers.create(name, token));
        return port;
    }

    static CreateResponse create(Soap port, APIObject object, CreateOptions options) {
        CreateRequest request = new CreateRequest();
        request.setOptions(options);
        request.getObjects().add(object);
        return port.create(request);
    }

    static List<APIObject> retrieve(Soap port, String type, List<String> properties, String name, String value) {
        SimpleFilterPart filter = new SimpleFilterPart();
        filter.setProperty(name);
        filter.setSimpleOperator(SimpleOperators.EQUALS);
        filter.getValue().add(value);
        RetrieveRequest request = new RetrieveRequest();
        request.setObjectType(type);
        request.getProperties().addAll(properties);
        request.setFilter(filter);
        RetrieveRequestMsg message = new RetrieveRequestMsg();
        message.setRetrieveRequest(request);
        RetrieveResponseMsg answer = port.retrieve(message);
        same("OK", answer.getOverallStatus());
        return answer.getResults();
    }

    static Subscriber subscriber(String key) {
        Subscriber it = new Subscriber();
        it.setSubscriberKey(key);
        it.setEmailAddress(key + "@example.com");
        return it;
    }

    static CreateOptions asynchronous() {
        CreateOptions options = new CreateOptions();
        options.setRequestType(RequestType.ASYNCHRONOUS);
        return options;
    }

    static void ended(Soap port, String request) throws Exception {
        until("call " + request + " to end", () -> {
            AsyncRequestResult state = (AsyncRequestResult)
                retrieve(port, "AsyncRequestResult", List.of("Status"), "RequestID", request).get(0);
            return "Complete".equals(state.getStatus()) ? state : null;
        });
    }

    public static void main(String[] arguments) throws Exception {
        Soap port = port(System.getenv("TOKEN"));

        String key = fresh("subscriber");
        CreateResponse answer = create(port, subscriber(key), new CreateOptions());
        same("Created Subscriber.", answer.getResults().get(0).getStatusMessage());
        Subscriber found = (Subscriber)
            retrieve(port, "Subscriber", List.of("EmailAddress"), "SubscriberKey", key).get(0);
        same(key + "@example.com", found.getEmailAddress());
        did("sync");

        SimpleFilterPart part = new SimpleFilterPart();
        part.setProperty("City");
        part.setSimpleOperator(SimpleOperators.EQUALS);
        part.getValue().add("Rome");
        FilterDefinition definition = new FilterDefinition();
        definition.setCustomerKey(key);
        definition.setName("Romans");
        definition.setDataFilter(part);
        create(port, definition, new CreateOptions());
        definition = (FilterDefinition)
            retrieve(port, "FilterDefinition", List.of("Name", "DataFilter"), "CustomerKey", key).get(0);
        same("Romans", definition.getName());
        same(List.of("Rome"), ((SimpleFilterPart) definition.getDataFilter()).getValue());
        did("any type");

        String path = "/" + fresh("callback");
        AsyncResponse back = new AsyncResponse();
        back.setResponseType(AsyncResponseType.HTTP_POST);
        back.setResponseAddress(RECEIVER + path);
        back.setRespondWhen(RespondWhen.ON_CALL_COMPLETE);
        back.setIncludeResults(true);
        CreateOptions options = asynchronous();
        options.setQueuePriority(Priority.HIGH);
        options.getSendResponseTo().add(back);
        answer = create(port, subscriber(fresh("queued")), options);
        same("Queued", answer.getResults().get(0).getStatusMessage());
        String request = answer.getRequestID();
        ended(port, request);
        did("async");
        HttpRequest look = HttpRequest.newBuilder(URI.create(RECEIVER + path)).build();
        until("the callback", () -> {
            String body = HttpClient.newHttpClient().send(look, HttpResponse.BodyHandlers.ofString()).body();
            return body.contains("RequestID=" + request + "&") ? body : null;
        });
        did("callback");
        ResultItem item = (ResultItem)
            retrieve(port, "ResultItem", List.of("StatusCode"), "RequestID", request).get(0);
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
        until("all three", () -> {
            List<APIObject> all =
                retrieve(port, "ResultMessage", List.of("OverallStatusCode"), "ConversationID", conversation);
            boolean ok = all.stream().allMatch(it -> "OK".equals(((ResultMessage) it).getOverallStatusCode()));
            return all.size() == 3 && ok ? all : null;
        });
        did("conversation");

        try {
            create(port("no token of ours"), subscriber(fresh("nobody")), new CreateOptions());
            throw new AssertionError("a wrong token was accepted");
        } catch (SOAPFaultException fault) {
            same("Login Failed", fault.getFault().getFaultString());
            same("Security", fault.getFault().getFaultCodeAsQName().getLocalPart());
        }
        did("fault");
    }
}
