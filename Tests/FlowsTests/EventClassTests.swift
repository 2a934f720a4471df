import Terms
import Testing

@testable import Flows

struct EventClassTests {
  @Test func everyTransportIsOfItsGroup() {
    for number in UInt8.min...UInt8.max {
      let transport = TransportProtocol(number: number)
      #expect(
        FlowEvent.TransportGroup.rawValue(of: transport)
          == UInt64(FlowEvent.TransportGroup(transport).rawValue))
    }
  }
}
