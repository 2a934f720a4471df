import Terms

extension SessionEvent {
  /// What a session event is about: the cases of `Content` without what they carry.
  @frozen public enum Topic: UInt8, Sendable, CaseIterable {
    case dns, dhcp, http, httpResponse, httpProgress, tls, ssh, ftp, ftpReply, smtp, smtpReply
    case pop, popReply, imap, imapReply, telnet, smb, rdp, ntp, snmp, ssdp, memcached, cldap
    case login, turns, payload, overlap, closed
  }

  /// One class for each topic.
  public var classes: EventClasses { EventClasses(rawValue: 1 << UInt64(topic.rawValue)) }

  public static func classes(at event: UnsafePointer<SessionEvent>) -> EventClasses {
    EventClasses(rawValue: 1 << UInt64(event.pointee.topic.rawValue))
  }
}

extension SessionEvent.Content {
  public var topic: SessionEvent.Topic {
    switch self {
    case .dns: .dns
    case .dhcp: .dhcp
    case .http: .http
    case .httpResponse: .httpResponse
    case .httpProgress: .httpProgress
    case .tls: .tls
    case .ssh: .ssh
    case .ftp: .ftp
    case .ftpReply: .ftpReply
    case .smtp: .smtp
    case .smtpReply: .smtpReply
    case .pop: .pop
    case .popReply: .popReply
    case .imap: .imap
    case .imapReply: .imapReply
    case .telnet: .telnet
    case .smb: .smb
    case .rdp: .rdp
    case .ntp: .ntp
    case .snmp: .snmp
    case .ssdp: .ssdp
    case .memcached: .memcached
    case .cldap: .cldap
    case .login: .login
    case .turns: .turns
    case .payload: .payload
    case .overlap: .overlap
    case .closed: .closed
    }
  }
}

extension EventClasses {
  /// Session events about these topics.
  public static func session(_ topics: SessionEvent.Topic...) -> EventClasses {
    EventClasses(rawValue: topics.reduce(0) { $0 | 1 << UInt64($1.rawValue) })
  }
}
