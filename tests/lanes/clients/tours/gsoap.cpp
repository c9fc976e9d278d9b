// gSOAP: everything but this file is what wsdl2h and soapcpp2 made of the WSDL; the header with the
// token is declared beside it, in the notation of gSOAP.

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <iostream>
#include <stdexcept>
#include <string>
#include <unistd.h>

#include "soapSoapBindingProxy.h"
#include "SoapBinding.nsmap"

static std::string env(const char *name) { return std::getenv(name); }

static void same(const std::string &expected, const std::string &found) {
    if (expected != found) throw std::runtime_error("expected " + expected + ", found " + found);
}

static void until(const std::string &what, const std::function<bool()> &found) {
    for (int times = 0; times < 1200; times++) {
        if (found()) return;
        usleep(50000);
    }
    throw std::runtime_error("still not after a minute: " + what);
}

static std::string fresh(const std::string &prefix) {
    unsigned long long number = 0;
    std::ifstream("/dev/urandom", std::ios::binary).read(reinterpret_cast<char *>(&number), sizeof number);
    return prefix + "-" + std::to_string(number);
}

static std::string posted(const std::string &path) {
    FILE *got = popen(("python3 -c 'import sys, urllib.request; print(urllib.request.urlopen(sys.argv[1]).read().decode())' " + env("RECEIVER") + path).c_str(), "r");
    std::string text;
    for (int c; (c = fgetc(got)) != EOF;) text += char(c);
    pclose(got);
    return text;
}

template <class T> static T *copy(T value) { return new T(value); }

// What is made here lives as long as the program, which is short.
class Tour {
    SoapBindingProxy proxy;
    std::string version, token;

  public:
    Tour(std::string version, std::string token) : proxy(SOAP_XML_INDENT), version(version), token(token) {
        proxy.soap_endpoint = strdup((env("BASE") + "/Service.asmx").c_str());
        soap_set_version(proxy.soap, version == "1.2" ? 2 : 1);
    }

    void did(const std::string &what) {
        std::ofstream(env("DID"), std::ios::app) << "gSOAP\t" << version << "\t" << what << "\n";
    }

    void authenticate() {
        proxy.soap->header = static_cast<SOAP_ENV__Header *>(soap_malloc(proxy.soap, sizeof(SOAP_ENV__Header)));
        soap_default_SOAP_ENV__Header(proxy.soap, proxy.soap->header);
        proxy.soap->header->et__fueloauth = const_cast<char *>(token.c_str());
    }

    int create(ns1__APIObject *object, ns1__CreateOptions *options, _ns1__CreateResponse &answer) {
        authenticate();
        _ns1__CreateRequest request;
        request.Options = options ? options : new ns1__CreateOptions();
        request.Objects.push_back(object);
        return proxy.Create(&request, answer);
    }

    void check(int error) {
        if (error == SOAP_OK) return;
        proxy.soap_print_fault(stderr);
        throw std::runtime_error("a fault");
    }

    std::vector<ns1__APIObject *> retrieve(const char *type, std::vector<std::string> properties, const char *name, std::string value) {
        authenticate();
        ns1__SimpleFilterPart *filter = new ns1__SimpleFilterPart();
        filter->Property = name;
        filter->SimpleOperator = ns1__SimpleOperators__equals;
        filter->Value.push_back(value);
        ns1__RetrieveRequest *asked = new ns1__RetrieveRequest();
        asked->ObjectType = type;
        asked->Properties = properties;
        asked->Filter = filter;
        _ns1__RetrieveRequestMsg request;
        request.RetrieveRequest = asked;
        _ns1__RetrieveResponseMsg *answer = new _ns1__RetrieveResponseMsg();
        check(proxy.Retrieve(&request, *answer));
        same("OK", answer->OverallStatus);
        return answer->Results;
    }

    ns1__Subscriber *subscriber(const std::string &key) {
        ns1__Subscriber *it = new ns1__Subscriber();
        it->SubscriberKey = copy(key);
        it->EmailAddress = copy(key + "@example.com");
        return it;
    }

    void ended(const std::string &request) {
        until("call " + request + " to end", [&] {
            auto state = dynamic_cast<ns1__AsyncRequestResult *>(retrieve("AsyncRequestResult", {"Status"}, "RequestID", request).at(0));
            return state && state->Status && *state->Status == "Complete";
        });
    }

    void run() {
        _ns1__CreateResponse created;
        std::string key = fresh("subscriber");
        check(create(subscriber(key), nullptr, created));
        same("Created Subscriber.", created.Results.at(0)->StatusMessage);
        auto found = dynamic_cast<ns1__Subscriber *>(retrieve("Subscriber", {"EmailAddress"}, "SubscriberKey", key).at(0));
        same(key + "@example.com", *found->EmailAddress);
        did("sync");

        ns1__SimpleFilterPart *part = new ns1__SimpleFilterPart();
        part->Property = "City";
        part->SimpleOperator = ns1__SimpleOperators__equals;
        part->Value.push_back("Rome");
        ns1__FilterDefinition *definition = new ns1__FilterDefinition();
        definition->CustomerKey = copy(key);
        definition->Name = copy(std::string("Romans"));
        definition->DataFilter = part;
        _ns1__CreateResponse defined;
        check(create(definition, nullptr, defined));
        definition = dynamic_cast<ns1__FilterDefinition *>(retrieve("FilterDefinition", {"Name", "DataFilter"}, "CustomerKey", key).at(0));
        same("Romans", *definition->Name);
        same("Rome", dynamic_cast<ns1__SimpleFilterPart *>(definition->DataFilter)->Value.at(0));
        did("any type");

        std::string path = "/" + fresh("callback");
        ns1__AsyncResponse *back = new ns1__AsyncResponse();
        back->ResponseType = ns1__AsyncResponseType__HTTPPost;
        back->ResponseAddress = env("RECEIVER") + path;
        back->RespondWhen = copy(ns1__RespondWhen__OnCallComplete);
        back->IncludeResults = copy(true);
        ns1__CreateOptions *options = new ns1__CreateOptions();
        options->RequestType = copy(ns1__RequestType__Asynchronous);
        options->QueuePriority = copy(ns1__Priority__High);
        options->SendResponseTo.push_back(back);
        _ns1__CreateResponse queued;
        check(create(subscriber(fresh("queued")), options, queued));
        same("Queued", queued.Results.at(0)->StatusMessage);
        std::string request = *queued.RequestID;
        ended(request);
        did("async");
        until("the callback", [&] { return posted(path).find("RequestID=" + request + "&") != std::string::npos; });
        did("callback");
        auto item = dynamic_cast<ns1__ResultItem *>(retrieve("ResultItem", {"StatusCode"}, "RequestID", request).at(0));
        same("OK", item->StatusCode);
        did("results");

        std::string conversation = fresh("conversation");
        for (int place : {3, 1, 2}) {
            ns1__CreateOptions *its = new ns1__CreateOptions();
            its->RequestType = copy(ns1__RequestType__Asynchronous);
            its->ConversationID = copy(conversation);
            its->SequenceCode = copy(place);
            its->CallsInConversation = copy(3);
            _ns1__CreateResponse part;
            check(create(subscriber(fresh("part")), its, part));
            same("OK", part.OverallStatus);
            request = *part.RequestID;
        }
        ended(request);
        until("all three", [&] {
            auto told = retrieve("ResultMessage", {"OverallStatusCode"}, "ConversationID", conversation);
            for (auto *it : told) same("OK", *dynamic_cast<ns1__ResultMessage *>(it)->OverallStatusCode);
            return told.size() == 3;
        });
        did("conversation");

        Tour stranger(version, "no token of ours");
        _ns1__CreateResponse refused;
        if (stranger.create(subscriber("nobody"), nullptr, refused) == SOAP_OK) throw std::runtime_error("a wrong token was accepted");
        same("Login Failed", *soap_faultstring(stranger.proxy.soap));
        did("fault");
    }
};

int main() {
    try {
        Tour("1.1", env("TOKEN")).run();
        Tour("1.2", env("TOKEN")).run();
    } catch (const std::exception &error) {
        std::cerr << error.what() << "\n";
        return 1;
    }
}
