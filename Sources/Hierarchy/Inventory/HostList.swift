import Terms

/// Reads a list of hosts: CSV with a header that names its columns, in any order, of which only
/// `address` must be there. A host may have many rows: one per service, or one for itself.
///
///     address,service,product,version,os,cve
///     10.10.1.10,tcp/80,Apache httpd,2.4.49,linux,CVE-2021-41773 CVE-2021-42013
///     10.10.1.30,,,,windows,
///
/// `cve` holds vulnerabilities that the site knows of, separated by blanks or semicolons. That a
/// service is not in the list does not say that the host does not run it.
enum HostList {
  static let columns = ["address", "service", "product", "version", "os", "cve"]

  static func read(_ text: String, into inventory: inout Inventory, _ log: inout FaultLog) {
    let rows = CSVText.rows(text, &log)
    guard let header = rows.first else {
      if log.faults.isEmpty { log.add(.start, .empty) }
      return
    }
    guard let columns = columns(header, &log) else { return }
    for row in rows.dropFirst() {
      guard row.count == header.count else {
        let place = row.count > header.count ? row[header.count].position : row[0].position
        log.add(
          place, .inventory("a row of \(row.count) fields under a header of \(header.count)"))
        continue
      }
      guard let (address, host) = host(Row(fields: row, columns: columns), &log) else { continue }
      guard inventory.add(host, at: address) else {
        log.add(row[0].position, .tooMany("hosts", limit: Inventory.hostLimit))
        return
      }
    }
  }

  private static func columns(
    _ header: [CSVText.Field], _ log: inout FaultLog
  ) -> [String: Int]? {
    var columns: [String: Int] = [:]
    let before = log.faults.count
    for (index, field) in header.enumerated() {
      if !Self.columns.contains(field.text) {
        log.add(
          field.position, .unknownKey(field.text, of: "the header"), wrong: field.text,
          among: Self.columns)
      } else if columns.updateValue(index, forKey: field.text) != nil {
        log.add(field.position, .repeatedName(field.text))
      }
    }
    if log.faults.count == before, columns["address"] == nil {
      log.add(.start, .missingKey("address", of: "the header"))
    }
    return log.faults.count == before ? columns : nil
  }

  private struct Row {
    var fields: [CSVText.Field]
    var columns: [String: Int]

    /// nil for a column that is not there, or empty.
    subscript(name: String) -> CSVText.Field? {
      columns[name].map { fields[$0] }.flatMap { $0.text.isEmpty ? nil : $0 }
    }
  }

  private static func host(_ row: Row, _ log: inout FaultLog) -> (IPAddress, KnownHost)? {
    let before = log.faults.count
    let address = row["address"].flatMap { IPAddress($0.text) }
    if address == nil {
      let field = row["address"] ?? row.fields[row.columns["address"] ?? 0]
      log.add(field.position, .malformed(field.text, .address))
    }
    var host = KnownHost()
    var service: Service?
    if let field = row["service"] {
      service = Service(field.text)
      if service == nil { log.add(field.position, .malformed(field.text, .service)) }
    }
    if let field = row["os"] {
      host.os = OSFamily.name(field.text)
      if host.os == nil { log.add(field.position, .malformed(field.text, .system)) }
    }
    if let service {
      host.services[service] = Product(
        name: row["product"]?.text ?? "", version: row["version"]?.text ?? "")
    } else if let field = row["product"] ?? row["version"], row["service"] == nil {
      log.add(field.position, .inventory("a product without the service that it is"))
    }
    if let field = row["cve"] {
      host.add(vulnerabilities(field, service, &log))
    }
    guard log.faults.count == before, let address else { return nil }
    return (address, host)
  }

  private static func vulnerabilities(
    _ field: CSVText.Field, _ service: Service?, _ log: inout FaultLog
  ) -> [Vulnerability] {
    let words = field.text.split { $0 == " " || $0 == ";" }
    return words.compactMap { word in
      guard let id = CVE.id(word) else {
        log.add(field.position, .malformed(String(word), .vulnerability))
        return nil
      }
      return Vulnerability(id: id, service: service, state: .confirmed)
    }
  }
}
