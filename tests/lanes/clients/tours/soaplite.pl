# Perl's SOAP::Lite, which takes nothing from the WSDL: elements are named, types are said, one by one.

use strict;
use warnings;

use LWP::UserAgent;
use SOAP::Lite;
use Time::HiRes qw(sleep time);

my $API = 'http://exacttarget.com/wsdl/partnerAPI';
my ($base, $receiver) = @ENV{qw(BASE RECEIVER)};

sub did {
    my ($version, $what) = @_;
    open(my $notes, '>>', $ENV{DID}) or die $!;
    print $notes "SOAP::Lite\t$version\t$what\n";
    close($notes) or die $!;
}

sub same {
    my ($expected, $found) = @_;
    $found //= 'nothing';
    die "expected $expected, found $found" if $expected ne $found;
}

sub until_there {
    my ($what, $found) = @_;
    for (my $end = time + 60; time < $end; sleep 0.05) {
        my $it = $found->();
        return $it if $it;
    }
    die "still not after a minute: $what";
}

sub fresh { sprintf '%s-%08x%04x', $_[0], int(time * 1000) % 2**32, int(rand(2**16)) }

# An element with text, or with elements in it.
sub element {
    my ($name, @content) = @_;
    my $data = SOAP::Data->name($name);
    return ref $content[0] ? $data->value(\SOAP::Data->value(@content)) : $data->value($content[0]);
}

sub typed {
    my ($name, $type, @content) = @_;
    return element($name, @content)->attr({ 'xsi:type' => $type });
}

# Sends one request of that operation; what came back, fault or not.
sub ask {
    my ($version, $token, $operation, $root, @content) = @_;
    # The version is that of the whole program, and is read when a client is made.
    SOAP::Lite->soapversion($version);
    my $client = SOAP::Lite->new->autotype(0)->default_ns($API);
    $client->proxy("$base/Service.asmx");
    $client->on_action(sub { qq("$operation") });
    my $header = SOAP::Header->name('fueloauth')->value($token)->attr({ xmlns => 'http://exacttarget.com' });
    return $client->call($root, $header, @content);
}

sub create {
    my ($version, $token, $object, @options) = @_;
    my @content = (@options ? element('Options', @options) : (), $object);
    return ask($version, $token, 'Create', 'CreateRequest', @content);
}

# The rows that a look for one value finds, each a hash.
sub rows {
    my ($version, $type, $properties, $name, $value) = @_;
    my $filter = typed('Filter', 'SimpleFilterPart', element('Property', $name),
        element('SimpleOperator', 'equals'), element('Value', $value));
    my $request = element('RetrieveRequest', element('ObjectType', $type),
        (map { element('Properties', $_) } @$properties), $filter);
    my $answer = ask($version, $ENV{TOKEN}, 'Retrieve', 'RetrieveRequestMsg', $request);
    same('OK', $answer->valueof('//OverallStatus'));
    return $answer->valueof('//RetrieveResponseMsg/Results');
}

sub subscriber {
    my ($key) = @_;
    return typed('Objects', 'Subscriber', element('EmailAddress', "$key\@example.com"), element('SubscriberKey', $key));
}

sub ended {
    my ($version, $request) = @_;
    until_there("call $request to end", sub {
        my ($state) = rows($version, 'AsyncRequestResult', ['Status'], 'RequestID', $request);
        return $state->{Status} eq 'Complete';
    });
}

for my $version ('1.1', '1.2') {
    my $token = $ENV{TOKEN};

    my $key = fresh('subscriber');
    same('Created Subscriber.', create($version, $token, subscriber($key))->valueof('//Results/StatusMessage'));
    my ($found) = rows($version, 'Subscriber', ['EmailAddress'], 'SubscriberKey', $key);
    same("$key\@example.com", $found->{EmailAddress});
    did($version, 'sync');

    $key = fresh('definition');
    my $part = typed('DataFilter', 'SimpleFilterPart', element('Property', 'City'),
        element('SimpleOperator', 'equals'), element('Value', 'Rome'));
    create($version, $token, typed('Objects', 'FilterDefinition', element('CustomerKey', $key), element('Name', 'Romans'), $part));
    ($found) = rows($version, 'FilterDefinition', ['Name', 'DataFilter'], 'CustomerKey', $key);
    same('Romans', $found->{Name});
    same('Rome', $found->{DataFilter}{Value});
    did($version, 'any type');

    my $path = '/' . fresh('callback');
    my $back = element('SendResponseTo', element('ResponseType', 'HTTPPost'), element('ResponseAddress', $receiver . $path),
        element('RespondWhen', 'OnCallComplete'), element('IncludeResults', 'true'));
    my $answer = create($version, $token, subscriber(fresh('queued')), $back,
        element('RequestType', 'Asynchronous'), element('QueuePriority', 'High'));
    same('Queued', $answer->valueof('//Results/StatusMessage'));
    my $request = $answer->valueof('//RequestID');
    ended($version, $request);
    did($version, 'async');
    until_there('the callback', sub {
        LWP::UserAgent->new->get($receiver . $path)->content =~ /RequestID=\Q$request\E&/;
    });
    did($version, 'callback');
    my ($item) = rows($version, 'ResultItem', ['StatusCode', 'StatusMessage'], 'RequestID', $request);
    same('Created Subscriber.', $item->{StatusMessage});
    did($version, 'results');

    my $conversation = fresh('conversation');
    for my $place (3, 1, 2) {
        $answer = create($version, $token, subscriber(fresh('part')), element('ConversationID', $conversation),
            element('SequenceCode', $place), element('CallsInConversation', 3), element('RequestType', 'Asynchronous'));
        same('OK', $answer->valueof('//OverallStatus'));
    }
    ended($version, $answer->valueof('//RequestID'));
    until_there('all three', sub {
        my @all = rows($version, 'ResultMessage', ['OverallStatusCode', 'SequenceCode'], 'ConversationID', $conversation);
        return 3 == grep { $_->{OverallStatusCode} eq 'OK' } @all;
    });
    did($version, 'conversation');

    my $refused = create($version, 'no token of ours', subscriber(fresh('nobody')));
    my $text = $version eq '1.1' ? $refused->faultstring : $refused->valueof('//Fault/Reason/Text');
    same('Login Failed', $text);
    did($version, 'fault');
}
