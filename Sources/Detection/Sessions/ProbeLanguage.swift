import Flows

/// What a client speaks to a port, as coarsely as prober's languages differ.
enum ProbeLanguage: UInt32 {
  case web, tls, ssh, dns, smb, rdp, mail, files, help, blankLines, rtsp, sip, text, binary

  var bit: UInt32 { 1 << rawValue }

  /// nil for what says nothing of the kind.
  init?(_ event: SessionEvent) {
    switch event.what {
    case .http(let request):
      guard request.number == 0 else { return nil }
      self =
        request.head.mentions(" rtsp/1.0") ? .rtsp : request.head.mentions(" sip/2.0") ? .sip : .web
    case .tls: self = .tls
    case .ssh: self = .ssh
    case .dns(let message):
      guard !message.isResponse else { return nil }
      self = .dns
    case .smb: self = .smb
    case .rdp: self = .rdp
    case .smtp, .pop, .imap: self = .mail
    case .ftp: self = .files
    case .payload(let sample):
      guard sample.turn == 0, sample.isFromClient, let first = sample.bytes.first else {
        return nil
      }
      // `echo | nc` asks whether a port answers, no more; probers send two ends of lines.
      if sample.bytes.count <= 2, sample.bytes.allSatisfy({ $0 == 0x0d || $0 == 0x0a }) {
        return nil
      }
      if first == 0x0d || first == 0x0a {
        self = .blankLines
      } else if sample.bytes.starts(with: "HELP".utf8) {
        self = .help
      } else {
        // However many unknown languages a protocol's random beginnings seem, they are two.
        self = sample.bytes.prefix(8).allSatisfy { $0 >= 0x20 && $0 < 0x7f } ? .text : .binary
      }
    default: return nil
    }
  }
}
