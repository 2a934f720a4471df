import Testing
@testable import Flows
@Test func placeholder() { #expect(MemoryLayout<Flow>.size == 64) ; #expect(MemoryLayout<FlowRecord>.size == 64) }
