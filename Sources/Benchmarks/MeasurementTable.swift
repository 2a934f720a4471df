/// Measurements as text: the first is what the others are compared with.
struct MeasurementTable {
  let title: String
  let rows: [Measurement]

  var text: String {
    guard let baseline = rows.first else { return "" }
    var lines = ["\(title): \(baseline.items) \(baseline.unit)s"]
    lines.append(
      Self.cells(["", "ns/\(baseline.unit)", "median", "M/CPU-s", "ratio", "peak MiB"]))
    for row in rows {
      lines.append(
        Self.cells([
          row.name, Self.fixed(row.nanosecondsPerItem, 1),
          Self.fixed(row.medianCPUSeconds * 1e9 / Double(max(row.items, 1)), 1),
          Self.fixed(1000 / max(row.nanosecondsPerItem, 1e-3), 2),
          Self.fixed(row.nanosecondsPerItem / max(baseline.nanosecondsPerItem, 1e-3), 2),
          row.peakKiB == 0 ? "-" : "\(row.peakKiB / 1024)",
        ]))
    }
    return lines.joined(separator: "\n")
  }

  private static func cells(_ texts: [String]) -> String {
    texts.enumerated().map { column, text in
      let width = column == 0 ? 24 : 12
      let padding = String(repeating: " ", count: max(width - text.count, 0))
      return column == 0 ? text + padding : padding + text
    }.joined()
  }

  /// Decimal notation with `digits` decimals, 1–3.
  private static func fixed(_ value: Double, _ digits: Int) -> String {
    let scale = [1, 10, 100, 1000][min(max(digits, 0), 3)]
    guard value.isFinite, abs(value) < 1e12 else { return "-" }
    let scaled = Int((value * Double(scale)).rounded())
    let fraction = String(abs(scaled % scale))
    return "\(scaled / scale)." + String(repeating: "0", count: digits - fraction.count) + fraction
  }
}
