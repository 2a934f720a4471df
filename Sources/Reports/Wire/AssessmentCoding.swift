import Terms

extension ReportCoding {
  /// Writes field 29 of a message `Report`.
  static func write(_ assessment: Assessment, to writer: inout WireWriter) {
    let mark = writer.begin(29)
    writer.uint(1, UInt64(assessment.relevance))
    writer.uint(2, UInt64(assessment.value))
    writer.double(3, assessment.interest)
    writer.uint(4, UInt64(assessment.outcome.rawValue))
    writer.double(5, assessment.confidence)
    writer.uint(6, UInt64(assessment.rankClass.rawValue))
    writer.uint(7, UInt64(assessment.riskValue))
    if let host = assessment.host { write(8, host, to: &writer) }
    for term in assessment.grounds.prefix(Assessment.groundLimit) {
      write(9, term, to: &writer)
    }
    writer.end(mark)
  }

  static func readAssessment(_ reader: inout WireReader) throws(WireFault) -> Assessment {
    do throws(WireFault) {
      var inner = try reader.message()
      var result = Assessment(
        relevance: 0, value: 0, interest: 0, outcome: .unknown, confidence: 0, riskValue: 0)
      var rankClass: RankClass?
      while try inner.next() {
        switch inner.field {
        case 1: result.relevance = try readByte(&inner, 255, "relevance")
        case 2: result.value = try readByte(&inner, 255, "value")
        case 3: result.interest = try inner.double("interest")
        case 4:
          let code = try readByte(&inner, 255, "outcome")
          guard let outcome = Assessment.Outcome(rawValue: code) else {
            throw inner.fault("no outcome has number \(code)", "outcome")
          }
          result.outcome = outcome
        case 5: result.confidence = try inner.double("confidence")
        case 6: rankClass = RankClass(rawValue: try readByte(&inner, 255, "rank_class"))
        case 7: result.riskValue = try readByte(&inner, 255, "risk_value")
        case 8: result.host = try readAddress(&inner, "host")
        case 9:
          guard result.grounds.count < Assessment.groundLimit else {
            throw inner.fault("more than \(Assessment.groundLimit)", "grounds")
          }
          result.grounds.append(try readTerm(&inner))
        default: try inner.skip()
        }
      }
      guard let rankClass else { throw inner.fault("no such class", "rank_class") }
      result.rankClass = rankClass
      return result
    } catch {
      throw error.inside("assessment")
    }
  }

  private static func readByte(
    _ reader: inout WireReader, _ limit: UInt64, _ field: StaticString
  ) throws(WireFault) -> UInt8 {
    UInt8(truncatingIfNeeded: try reader.uint(upTo: limit, field))
  }
}
