// What both tours of .NET stand on.

using System;
using System.IO;
using System.Net;
using System.Threading;

static class Shared {
    public static readonly string Base = Environment.GetEnvironmentVariable("BASE");
    public static readonly string Receiver = Environment.GetEnvironmentVariable("RECEIVER");
    public static readonly string Token = Environment.GetEnvironmentVariable("TOKEN");

    public static void Did(string client, string version, string what) {
        File.AppendAllText(Environment.GetEnvironmentVariable("DID"), client + "\t" + version + "\t" + what + "\n");
    }

    public static void Same(object expected, object found) {
        if (!Equals(expected, found)) throw new Exception("expected " + expected + ", found " + found);
    }

    public static void Until(string what, Func<bool> found) {
        for (var end = DateTime.UtcNow.AddMinutes(1); DateTime.UtcNow < end; Thread.Sleep(50)) {
            if (found()) return;
        }
        throw new Exception("still not after a minute: " + what);
    }

    public static string Fresh(string prefix) {
        return prefix + "-" + Guid.NewGuid().ToString("N").Substring(0, 12);
    }

    public static string Posted(string path) {
        using (var client = new WebClient()) return client.DownloadString(Receiver + path);
    }

    public static Subscriber Subscriber(string key) {
        return new Subscriber { SubscriberKey = key, EmailAddress = key + "@example.com" };
    }

    public static CreateOptions Asynchronous() {
        return new CreateOptions { RequestType = RequestType.Asynchronous, RequestTypeSpecified = true };
    }

    public static AsyncResponse CallsBack(string path) {
        return new AsyncResponse {
            ResponseType = AsyncResponseType.HTTPPost, ResponseAddress = Receiver + path,
            RespondWhen = RespondWhen.OnCallComplete, RespondWhenSpecified = true,
            IncludeResults = true, IncludeResultsSpecified = true,
        };
    }

    public static SimpleFilterPart EqualTo(string property, string value) {
        return new SimpleFilterPart {
            Property = property, SimpleOperator = SimpleOperators.equals, Value = new[] { value },
        };
    }
}

// The same for each way to call: a Create and a Retrieve, and what a refused token looks like.
abstract class Tour {
    readonly string client, version;

    protected Tour(string client, string version) {
        this.client = client;
        this.version = version;
    }

    protected abstract CreateResult[] Create(CreateOptions options, APIObject[] objects, out string requestId, out string overallStatus);
    protected abstract APIObject[] Retrieve(RetrieveRequest request, out string overallStatus);
    protected abstract void IsRefused();

    void Did(string what) { Shared.Did(client, version, what); }

    APIObject[] Find(string type, string[] properties, string name, string value) {
        string status;
        var request = new RetrieveRequest {
            ObjectType = type, Properties = properties, Filter = Shared.EqualTo(name, value),
        };
        var found = Retrieve(request, out status);
        Shared.Same("OK", status);
        return found ?? new APIObject[0];
    }

    void Ended(string request) {
        Shared.Until("call " + request + " to end", () => {
            var state = (AsyncRequestResult) Find("AsyncRequestResult", new[] { "Status" }, "RequestID", request)[0];
            return state.Status == "Complete";
        });
    }

    public void Run() {
        string request, status;
        var key = Shared.Fresh("subscriber");
        var results = Create(new CreateOptions(), new APIObject[] { Shared.Subscriber(key) }, out request, out status);
        Shared.Same("Created Subscriber.", results[0].StatusMessage);
        var subscriber = (Subscriber) Find("Subscriber", new[] { "EmailAddress" }, "SubscriberKey", key)[0];
        Shared.Same(key + "@example.com", subscriber.EmailAddress);
        Did("sync");

        var definition = new FilterDefinition {
            CustomerKey = key, Name = "Romans", DataFilter = Shared.EqualTo("City", "Rome"),
        };
        Create(new CreateOptions(), new APIObject[] { definition }, out request, out status);
        definition = (FilterDefinition) Find("FilterDefinition", new[] { "Name", "DataFilter" }, "CustomerKey", key)[0];
        Shared.Same("Romans", definition.Name);
        Shared.Same("Rome", ((SimpleFilterPart) definition.DataFilter).Value[0]);
        Did("any type");

        var path = "/" + Shared.Fresh("callback");
        var options = Shared.Asynchronous();
        options.QueuePriority = Priority.High;
        options.QueuePrioritySpecified = true;
        options.SendResponseTo = new[] { Shared.CallsBack(path) };
        results = Create(options, new APIObject[] { Shared.Subscriber(Shared.Fresh("queued")) }, out request, out status);
        Shared.Same("Queued", results[0].StatusMessage);
        var queued = request;
        Ended(queued);
        Did("async");
        Shared.Until("the callback", () => Shared.Posted(path).Contains("RequestID=" + queued + "&"));
        Did("callback");
        var item = (ResultItem) Find("ResultItem", new[] { "StatusCode" }, "RequestID", queued)[0];
        Shared.Same("OK", item.StatusCode);
        Did("results");

        var conversation = Shared.Fresh("conversation");
        foreach (var place in new[] { 3, 1, 2 }) {
            options = Shared.Asynchronous();
            options.ConversationID = conversation;
            options.SequenceCode = place;
            options.SequenceCodeSpecified = true;
            options.CallsInConversation = 3;
            options.CallsInConversationSpecified = true;
            Create(options, new APIObject[] { Shared.Subscriber(Shared.Fresh("part")) }, out request, out status);
            Shared.Same("OK", status);
        }
        Ended(request);
        Shared.Until("all three", () => {
            var told = Find("ResultMessage", new[] { "OverallStatusCode" }, "ConversationID", conversation);
            return told.Length == 3 && Array.TrueForAll(told, it => ((ResultMessage) it).OverallStatusCode == "OK");
        });
        Did("conversation");

        IsRefused();
        Did("fault");
    }
}
