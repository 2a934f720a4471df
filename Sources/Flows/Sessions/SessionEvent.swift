import Packets
import Terms

/// Who talks with whom, as far as a session's bytes tell.
@frozen public enum SessionProtocol: UInt8, Sendable, CaseIterable {
  case unknown
  case dns, dhcp, http, http2, tls, ssh, ftp, smtp, pop, imap, telnet, smb, rdp
  case ntp, snmp, ssdp, memcached, cldap
  case mysql, postgres, tds, mongodb, redis, vnc, ldap
}

/// What the parsers tell the detectors: one thing that one side of a conversation said, in
/// event-time order.
///
/// `client` and `server` are the sides of the conversation, whoever sent the packet behind the
/// event: `sender` did, by its source address.
public struct SessionEvent: Sendable {
  /// Strings of bytes in messages are what the wire carried: never validated, possibly cut to the
  /// lengths of `SessionLimits`.
  public indirect enum Content: Sendable {
    case dns(DNSMessage)
    case dhcp(DHCPMessage)
    case http(HTTPRequest)
    case httpResponse(HTTPResponse)
    /// A request that takes its time; see `HTTPProgress`.
    case httpProgress(HTTPProgress)
    case tls(TLSHello)
    case ssh(SSHProgress)
    case ftp(ClientCommand)
    case ftpReply(ServerReply)
    case smtp(ClientCommand)
    case smtpReply(ServerReply)
    case pop(ClientCommand)
    case popReply(ServerReply)
    case imap(ClientCommand)
    case imapReply(ServerReply)
    case telnet(TelnetLine)
    case smb(SMBMessage)
    case rdp(RDPRequest)
    /// A login to a database, desktop, directory or file server has ended.
    case login(LoginAttempt)
    /// Of an encrypted conversation with a server that the client did not name: the server leads, as
    /// who commands a shell does. Once.
    case turns(TurnTalk)
    case ntp(NTPMessage)
    case snmp(SNMPMessage)
    case ssdp(SSDPMessage)
    case memcached(MemcachedMessage)
    case cldap(CLDAPMessage)
    /// First bytes of a conversation whose protocol is unknown, once for each direction.
    case payload(PayloadSample)
    /// A TCP segment that says something else than an earlier one of the same place: somebody
    /// wants the monitor to see another stream than the target.
    case overlap(SegmentOverlap)
    /// A TCP conversation with payload is over.
    case closed(SessionClosing)
  }

  public var time: CaptureTime
  /// Index of the packet that completed what is told; for timeouts, of the flow's first packet.
  public var packet: UInt64
  /// The flow's first packet, and its time: with the addresses, what names a session.
  public var firstPacket: UInt64
  public var opened: CaptureTime
  public var client: IPAddress
  public var server: IPAddress
  public var clientPort: UInt16
  public var serverPort: UInt16
  public var transport: TransportProtocol
  /// Hardware addresses of the packet, and the address that it claims as its source.
  public var sourceMAC: MACAddress
  public var targetMAC: MACAddress
  public var sender: IPAddress
  public var timeToLive: UInt8
  public var vlan: UInt16
  /// What `what` is about, where reading it costs nothing.
  public let topic: Topic
  public let what: Content

  public init(
    time: CaptureTime, packet: UInt64, firstPacket: UInt64, opened: CaptureTime,
    client: IPAddress, server: IPAddress, clientPort: UInt16, serverPort: UInt16,
    transport: TransportProtocol, sourceMAC: MACAddress = .unknown,
    targetMAC: MACAddress = .unknown, sender: IPAddress, timeToLive: UInt8 = 0, vlan: UInt16 = 0,
    what: Content
  ) {
    self.time = time
    self.packet = packet
    self.firstPacket = firstPacket
    self.opened = opened
    self.client = client
    self.server = server
    self.clientPort = clientPort
    self.serverPort = serverPort
    self.transport = transport
    self.sourceMAC = sourceMAC
    self.targetMAC = targetMAC
    self.sender = sender
    self.timeToLive = timeToLive
    self.vlan = vlan
    topic = what.topic
    self.what = what
  }

  public var isFromClient: Bool { sender == client }
}
