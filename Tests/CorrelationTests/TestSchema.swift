import Reports
import Terms

/// The kinds and fields that the correlators speak; comparisons are the built-in ones.
enum TestSchema {
  static let schema = Schema(
    attackVersion: "17.1",
    kinds: [
      .firstContacts: KindDefinition(reportClass: .evidence, severity: 0),
      .ingressRates: KindDefinition(reportClass: .evidence, severity: 0),
      .portScan: KindDefinition(reportClass: .detection, severity: 5),
      ReportKind("exfil.dns-tunnel"): KindDefinition(
        reportClass: .detection, severity: 8, fields: ["domain": .text],
        correlation: [
          FeatureComparison(feature: "domain", measure: .exact, expected: 0.9, least: 1),
          FeatureComparison(feature: "sources", measure: .overlap, expected: 0.2, least: 0),
          FeatureComparison(
            feature: "time", measure: .time(within: .minutes(30)), expected: 0.5, least: 0.05),
        ]),
      .beacon: KindDefinition(
        reportClass: .detection, severity: 7,
        correlation: [
          FeatureComparison(feature: "sources", measure: .vector, expected: 0.1, least: 0),
          FeatureComparison(feature: "targets", measure: .overlap, expected: 0.9, least: 0.5),
          FeatureComparison(
            feature: "time", measure: .time(within: .minutes(30)), expected: 0.5, least: 0.05),
        ]),
      .synFlood: KindDefinition(reportClass: .detection, severity: 7),
      .bruteForce: KindDefinition(reportClass: .detection, severity: 7),
      .passwordSpray: KindDefinition(
        reportClass: .detection, severity: 7,
        fields: ["service": .text, "attempts": .count, "targets": .count, "accounts": .count]),
      .slowScan: KindDefinition(
        reportClass: .detection, severity: 5, fields: ["failures": .count]),
      .distributedScan: KindDefinition(
        reportClass: .detection, severity: 7, fields: ["surprise": .ratio, "probes": .count]),
      .distributedFlood: KindDefinition(
        reportClass: .detection, severity: 8,
        fields: ["segments": .text, "ingresses": .count, "rate": .ratio]),
      .wormPropagation: worm(severity: 9), .wormOutbreak: worm(severity: 10),
    ])

  private static func worm(severity: Double) -> KindDefinition {
    KindDefinition(
      reportClass: .detection, severity: severity,
      fields: [
        "root": .address, "generations": .count, "hosts": .count, "port": .port, "rate": .ratio,
        "segments": .text, "next": .text,
      ])
  }
}
