<?php
// PHP's SoapClient, with its calls built as FuelSDK-PHP builds them: every object a SoapVar of its
// type, and a SoapHeader with the token.

const API = 'http://exacttarget.com/wsdl/partnerAPI';

$base = getenv('BASE');
$receiver = getenv('RECEIVER');

function did(string $version, string $what): void {
    file_put_contents(getenv('DID'), "PHP SoapClient\t$version\t$what\n", FILE_APPEND);
}

function same($expected, $found): void {
    if ($expected !== $found) {
        throw new Exception('expected ' . json_encode($expected) . ', found ' . json_encode($found));
    }
}

function until(string $what, callable $found) {
    for ($end = microtime(true) + 60; microtime(true) < $end; usleep(50000)) {
        if ($it = $found()) {
            return $it;
        }
    }
    throw new Exception("still not after a minute: $what");
}

function fresh(string $prefix): string {
    return $prefix . '-' . bin2hex(random_bytes(6));
}

function an(string $type, array $fields): SoapVar {
    return new SoapVar($fields, SOAP_ENC_OBJECT, $type, API);
}

function client(int $version, string $token): SoapClient {
    global $base;
    $client = new SoapClient("$base/etframework.wsdl", [
        'soap_version' => $version, 'trace' => true, 'exceptions' => true, 'cache_wsdl' => WSDL_CACHE_NONE,
    ]);
    $client->__setSoapHeaders(new SoapHeader('http://exacttarget.com', 'fueloauth', $token));
    return $client;
}

function create(SoapClient $client, $objects, array $options = []) {
    return $client->__soapCall('Create', ['CreateRequest' => ['Options' => $options ?: '', 'Objects' => $objects]]);
}

function retrieve(SoapClient $client, string $type, array $properties, string $name, string $value): array {
    $filter = an('SimpleFilterPart', ['Property' => $name, 'SimpleOperator' => 'equals', 'Value' => $value]);
    $request = ['ObjectType' => $type, 'Properties' => $properties, 'Filter' => $filter];
    $answer = $client->__soapCall('Retrieve', ['RetrieveRequestMsg' => ['RetrieveRequest' => $request]]);
    same('OK', $answer->OverallStatus);
    $results = $answer->Results ?? [];
    return is_array($results) ? $results : [$results];
}

function subscriber(string $key): SoapVar {
    return an('Subscriber', ['SubscriberKey' => $key, 'EmailAddress' => "$key@example.com"]);
}

function callsBack(string $path): array {
    global $receiver;
    return [
        'ResponseType' => 'HTTPPost', 'ResponseAddress' => $receiver . $path,
        'RespondWhen' => 'OnCallComplete', 'IncludeResults' => true,
    ];
}

function ended(SoapClient $client, string $request): void {
    until("call $request to end", function () use ($client, $request) {
        [$state] = retrieve($client, 'AsyncRequestResult', ['Status'], 'RequestID', $request);
        return $state->Status === 'Complete';
    });
}

foreach (['1.1' => SOAP_1_1, '1.2' => SOAP_1_2] as $name => $version) {
    $client = client($version, getenv('TOKEN'));

    $key = fresh('subscriber');
    same('Created Subscriber.', create($client, [subscriber($key)])->Results->StatusMessage);
    [$found] = retrieve($client, 'Subscriber', ['EmailAddress'], 'SubscriberKey', $key);
    same("$key@example.com", $found->EmailAddress);
    did($name, 'sync');

    $key = fresh('definition');
    $part = an('SimpleFilterPart', ['Property' => 'City', 'SimpleOperator' => 'equals', 'Value' => 'Rome']);
    create($client, [an('FilterDefinition', ['CustomerKey' => $key, 'Name' => 'Romans', 'DataFilter' => $part])]);
    [$found] = retrieve($client, 'FilterDefinition', ['Name', 'DataFilter'], 'CustomerKey', $key);
    same(['Romans', 'Rome'], [$found->Name, $found->DataFilter->Value]);
    did($name, 'any type');

    $path = '/' . fresh('callback');
    $answer = create($client, [subscriber(fresh('queued'))],
        ['RequestType' => 'Asynchronous', 'QueuePriority' => 'High', 'SendResponseTo' => [callsBack($path)]]);
    same(['OK', 'Queued'], [$answer->OverallStatus, $answer->Results->StatusMessage]);
    ended($client, $answer->RequestID);
    did($name, 'async');
    $body = until('the callback', fn () => trim(file_get_contents($receiver . $path)));
    parse_str($body, $fields);
    same([$answer->RequestID, 'OK'], [$fields['RequestID'], $fields['OverallStatusCode']]);
    did($name, 'callback');
    [$item] = retrieve($client, 'ResultItem', ['StatusCode', 'StatusMessage'], 'RequestID', $answer->RequestID);
    same(['OK', 'Created Subscriber.'], [$item->StatusCode, $item->StatusMessage]);
    did($name, 'results');

    $conversation = fresh('conversation');
    foreach ([3, 1, 2] as $place) {
        $answer = create($client, [subscriber(fresh('part'))], [
            'ConversationID' => $conversation, 'SequenceCode' => $place, 'CallsInConversation' => 3,
            'RequestType' => 'Asynchronous',
        ]);
        same('OK', $answer->OverallStatus);
    }
    ended($client, $answer->RequestID);
    $told = until('all three', function () use ($client, $conversation) {
        $all = retrieve($client, 'ResultMessage', ['OverallStatusCode', 'SequenceCode'], 'ConversationID', $conversation);
        return count($all) === 3 ? $all : null;
    });
    same(['OK', 'OK', 'OK'], array_map(fn ($it) => $it->OverallStatusCode, $told));
    did($name, 'conversation');

    try {
        create(client($version, 'no token of ours'), [subscriber(fresh('nobody'))]);
        throw new Exception('a wrong token was accepted');
    } catch (SoapFault $fault) {
        same('Login Failed', $fault->getMessage());
    }
    did($name, 'fault');
}
