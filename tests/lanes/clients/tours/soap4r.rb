# Ruby's soap4r, with the driver that it makes of the WSDL at run time.

require 'net/http'
require 'securerandom'
require 'soap/header/simplehandler'
require 'soap/wsdlDriver'

API = 'http://exacttarget.com/wsdl/partnerAPI'.freeze
BASE, RECEIVER, TOKEN, DID = ENV.values_at('BASE', 'RECEIVER', 'TOKEN', 'DID')

# The token as a header of its own.
class Token < SOAP::Header::SimpleHandler
  def initialize(token)
    super(XSD::QName.new('http://exacttarget.com', 'fueloauth'))
    @token = token
  end

  def on_simple_outbound
    @token
  end
end

def did(what)
  File.write(DID, "soap4r\t1.1\t#{what}\n", mode: 'a')
end

def same(expected, found)
  raise "expected #{expected.inspect}, found #{found.inspect}" unless expected == found
end

def until_there(what)
  stop = Time.now + 60
  while Time.now < stop
    it = yield
    return it if it
    sleep 0.05
  end
  raise "still not after a minute: #{what}"
end

def fresh(prefix)
  "#{prefix}-#{SecureRandom.hex(6)}"
end

def element(name, content, type = nil)
  it = SOAP::SOAPElement.new(XSD::QName.new(API, name))
  content.is_a?(Array) ? content.each { |inner| it.add(inner) } : it.text = content.to_s
  it.extraattr[XSD::AttrTypeName] = XSD::QName.new(API, type) if type
  it
end

def fields(values)
  values.map { |name, value| element(name, value) }
end

def subscriber(key)
  element('Objects', fields('EmailAddress' => "#{key}@example.com", 'SubscriberKey' => key), 'Subscriber')
end

def driver(token)
  driver = SOAP::WSDLDriverFactory.new("#{BASE}/etframework.wsdl").create_rpc_driver
  driver.headerhandler << Token.new(token)
  driver
end

def create(driver, object, options = [])
  driver.Create(element('CreateRequest', [element('Options', options), object]))
end

def part(name, property, value)
  element(name, fields('Property' => property, 'SimpleOperator' => 'equals', 'Value' => value), 'SimpleFilterPart')
end

def retrieve(driver, type, properties, name, value)
  asked = [element('ObjectType', type), *properties.map { |it| element('Properties', it) }, part('Filter', name, value)]
  answer = driver.Retrieve(element('RetrieveRequestMsg', [element('RetrieveRequest', asked)]))
  same('OK', answer.overallStatus)
  answer.respond_to?(:results) ? [answer.results].flatten : []
end

def ended(driver, request)
  until_there("call #{request} to end") do
    retrieve(driver, 'AsyncRequestResult', ['Status'], 'RequestID', request)[0].status == 'Complete'
  end
end

mine = driver(TOKEN)

key = fresh('subscriber')
same('Created Subscriber.', create(mine, subscriber(key)).results.statusMessage)
same("#{key}@example.com", retrieve(mine, 'Subscriber', ['EmailAddress'], 'SubscriberKey', key)[0].emailAddress)
did('sync')

definition = fields('CustomerKey' => key, 'Name' => 'Romans') + [part('DataFilter', 'City', 'Rome')]
create(mine, element('Objects', definition, 'FilterDefinition'))
found = retrieve(mine, 'FilterDefinition', %w[Name DataFilter], 'CustomerKey', key)[0]
same(%w[Romans Rome], [found.name, found.dataFilter.value])
did('any type')

path = "/#{fresh('callback')}"
back = fields('ResponseType' => 'HTTPPost', 'ResponseAddress' => RECEIVER + path,
              'RespondWhen' => 'OnCallComplete', 'IncludeResults' => true)
options = [element('SendResponseTo', back), *fields('RequestType' => 'Asynchronous', 'QueuePriority' => 'High')]
answer = create(mine, subscriber(fresh('queued')), options)
same('Queued', answer.results.statusMessage)
request = answer.requestID
ended(mine, request)
did('async')
until_there('the callback') do
  Net::HTTP.get(URI(RECEIVER + path)).include?("RequestID=#{request}&")
end
did('callback')
same('Created Subscriber.', retrieve(mine, 'ResultItem', ['StatusMessage'], 'RequestID', request)[0].statusMessage)
did('results')

conversation = fresh('conversation')
[3, 1, 2].each do |place|
  options = fields('ConversationID' => conversation, 'SequenceCode' => place, 'CallsInConversation' => 3,
                   'RequestType' => 'Asynchronous')
  answer = create(mine, subscriber(fresh('part')), options)
  same('OK', answer.overallStatus)
end
ended(mine, answer.requestID)
until_there('all three') do
  told = retrieve(mine, 'ResultMessage', %w[OverallStatusCode SequenceCode], 'ConversationID', conversation)
  told.map(&:overallStatusCode) == %w[OK OK OK]
end
did('conversation')

begin
  create(driver('no token of ours'), subscriber(fresh('nobody')))
  raise 'a wrong token was accepted'
rescue SOAP::FaultError => fault
  same('Login Failed', fault.message)
end
did('fault')
