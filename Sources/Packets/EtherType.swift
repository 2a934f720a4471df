/// EtherTypes the decoder acts on (IANA "IEEE 802 Numbers").
public enum EtherType {
  public static let ipv4: UInt16 = 0x0800
  public static let arp: UInt16 = 0x0806
  public static let ipv6: UInt16 = 0x86dd
  /// LLDP (IEEE 802.1AB).
  public static let linkDiscovery: UInt16 = 0x88cc

  /// The tag protocol identifiers of IEEE 802.1Q and 802.1ad, and the 0x9100 that stood in for the
  /// latter before it.
  @inline(__always) static func isTag(_ type: UInt16) -> Bool {
    type == 0x8100 || type == 0x88a8 || type == 0x9100
  }
}
