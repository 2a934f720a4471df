import Signatures
import Terms
import Testing

@Test func aComplementOfARangeIsTheRestOnBothSides() throws {
  let lab = AddressRanges(try #require(IPPrefix("10.0.0.0/8")))
  let rest = lab.complement
  #expect(rest.elements.count == 2)
  #expect(!rest.contains(try #require(IPAddress("10.1.2.3"))))
  #expect(rest.contains(try #require(IPAddress("11.0.0.0"))))
  #expect(rest.contains(try #require(IPAddress("9.255.255.255"))))
  #expect(rest.complement == lab)
  #expect(lab.union(rest).isAny)
  #expect(lab.intersection(rest).isEmpty)
}

@Test func portsSubtractAndMerge() {
  let ports = PortRanges([1...80, 81...1_024]).subtracting(PortRanges([80...80]))
  #expect(ports.elements == [1...79, 81...1_024])
  #expect(PortRanges.any.complement.isEmpty)
}
