/// A ClientHello or ServerHello (RFC 8446, RFC 5246).
public struct TLSHello: Sendable, Hashable {
  public var isFromClient = true
  /// As in the hello's old field, and the highest of supported_versions (without GREASE), which is
  /// what counts when it is there: 0x0301 TLS 1.0 … 0x0304 TLS 1.3.
  public var legacyVersion: UInt16 = 0
  public var version: UInt16 = 0
  /// server_name; empty when absent.
  public var serverName: [UInt8] = []
  /// The protocols offered or chosen.
  public var applicationProtocols: [[UInt8]] = []
  public var cipherSuites: [UInt16] = []
  /// Types in the order of the wire, GREASE included.
  public var extensions: [UInt16] = []
  public var groups: [UInt16] = []
  public var pointFormats: [UInt8] = []
  public var signatureAlgorithms: [UInt16] = []
  public var isWellFormed = true

  public init() {}
}
