import Reports
import Terms

extension Directive {
  /// The directive as a drawing in text: stages downwards, alternatives side by side as branches,
  /// with what joins them, how long each waits and what it is worth.
  public var drawing: String {
    var head = "\(name): \(title)\nconcludes \(kind)"
    if !techniques.isEmpty { head += ", ATT&CK " + techniques.joined(separator: " ") }
    head += "; starts at priority \(priority), reliability \(reliability); told of \(tellingText)"
    if let within { head += "; all within \(within)" }
    if tiers.count == 1, let tier = tiers.first { head += "; at the \(tier.rawValue) tier only" }
    var drawn: Set<Int> = []
    let branches = graph.entries.map { branch($0, isOpening: true, drawn: &drawn) }
    return ([head] + Self.tree(branches)).joined(separator: "\n")
  }

  private var tellingText: String {
    switch telling {
    case .complete: "when complete"
    case .slot(let slot): "from '\(slots[slot])' on"
    case .risk(let least): "when the risk is \(least) or more"
    }
  }

  private func branch(_ index: Int, isOpening: Bool, drawn: inout Set<Int>) -> [String] {
    let node = graph.nodes[index]
    let stage = stages[node.stage]
    var line = isOpening ? "" : "\(waitText(stage)) "
    line += "[\(slots[stage.slot])] \(testText(stage))"
    if let change = stage.priority { line += ", priority \(Self.text(change))" }
    if let change = stage.reliability { line += ", reliability \(Self.text(change))" }
    guard drawn.insert(index).inserted else { return [line + " (goes on as above)"] }
    var branches = conditionTexts(stage).map { ["· " + $0] }
    if node.isEnd { branches.append(["■ complete"]) }
    for next in node.next { branches.append(branch(next, isOpening: false, drawn: &drawn)) }
    return [line] + Self.tree(branches)
  }

  private func waitText(_ stage: Stage) -> String {
    if case .ask(let question) = stage.test {
      return question.delay == .zero ? "at once" : "after \(question.delay)"
    }
    return stage.isAbsence ? "for \(stage.within)" : "within \(stage.within)"
  }

  private func testText(_ stage: Stage) -> String {
    switch stage.test {
    case .report(let test):
      var text = test.patterns.joined(separator: " or ")
      if stage.isAbsence { text = "no " + text }
      if stage.count > 1 { text = "\(stage.count) × " + text }
      if let distinct = stage.distinct {
        text += " with \(distinct.count) different values of \(distinct.field.text)"
      }
      if let measure = stage.measure {
        text += " with \(Self.text(measure.function)) of \(measure.attribute) \(measure.comparison)"
      }
      return text
    case .ask(let question):
      let of = reference(question.of)
      switch question.subject {
      case .service(let isUp):
        let port = question.port.map { " at \(reference($0))" } ?? ""
        return "asks: is the service of \(of)\(port) \(isUp ? "up" : "down")?"
      case .host(let answers):
        return "asks: \(answers ? "does" : "is") \(of) "
          + (answers ? "answer?" : "silent?")
      case .asset(let place): return "asks: is \(of) \(Self.text(place))?"
      }
    }
  }

  private static func text(_ function: Measure.Function) -> String {
    switch function {
    case .total: "a total"
    case .mean: "a mean"
    case .percentile(let rank): "a \(rank)th percentile"
    }
  }

  private static func text(_ change: Stage.Escalation) -> String {
    switch change {
    case .to(let value): "\(value)"
    case .by(let step): step < 0 ? "\(step)" : "+\(step)"
    }
  }

  private func reference(_ reference: Question.Reference) -> String {
    switch reference.reference {
    case .opener: "the opening report's \(reference.field.text)"
    case .slot(let slot): "\(slots[slot]).\(reference.field.text)"
    }
  }

  private func conditionTexts(_ stage: Stage) -> [String] {
    var texts = stage.joins.map { join in
      "\(join.field.text) \(join.isNegated ? "is not" : "is") "
        + reference(.init(reference: join.reference, field: join.other))
    }
    if stage.share > 0 { texts.append("for at least \(stage.share) of its own values") }
    if !stage.grouping.isEmpty {
      texts.append("counted by the same " + stage.grouping.map(\.text).joined(separator: ", "))
    }
    if case .report(let test) = stage.test { texts += test.conditions.map(Self.text) }
    return texts
  }

  private static func text(_ condition: Condition) -> String {
    switch condition {
    case .severity(let comparison): return "severity \(comparison)"
    case .confidence(let comparison): return "confidence \(comparison)"
    case .sources(let comparison): return "sources \(comparison)"
    case .targets(let comparison): return "targets \(comparison)"
    case .ports(let ranges, let isNegated):
      let list = ranges.map {
        $0.count == 1 ? "\($0.lowerBound)" : "\($0.lowerBound)-\($0.upperBound)"
      }
      return "port \(isNegated ? "not " : "")" + list.joined(separator: ", ")
    case .transport(let transport): return "over \(transport)"
    case .tier(let tier): return "told by a \(tier.rawValue) monitor"
    case .monitors(let names): return "told by " + names.joined(separator: " or ")
    case .from(let place): return "from \(text(place))"
    case .to(let place): return "to \(text(place))"
    case .attribute(let name, .number(let comparison)): return "\(name) \(comparison)"
    case .attribute(let name, .oneOf(let texts, let isNegated)):
      return "\(name) \(isNegated ? "is not" : "is") " + texts.joined(separator: " or ")
    }
  }

  private static func text(_ place: Place) -> String {
    var parts: [String] = []
    if let isInside = place.isInside { parts.append(isInside ? "inside" : "outside") }
    if !place.segments.isEmpty { parts.append("in " + place.segments.joined(separator: " or ")) }
    if !place.prefixes.isEmpty {
      parts.append("in " + place.prefixes.map(\.description).joined(separator: " or "))
    }
    if let value = place.value { parts.append("worth \(value)") }
    if let service = place.service { parts.append("running \(service)") }
    if let os = place.os { parts.append("running \(os)") }
    return (place.isNegated ? "not " : "")
      + (parts.isEmpty ? "anywhere" : parts.joined(separator: ", "))
  }

  /// Draws branches under a line.
  private static func tree(_ branches: [[String]]) -> [String] {
    var lines: [String] = []
    for (index, branch) in branches.enumerated() {
      let isLast = index == branches.count - 1
      for (number, line) in branch.enumerated() {
        lines.append((number == 0 ? (isLast ? "└─ " : "├─ ") : (isLast ? "   " : "│  ")) + line)
      }
    }
    return lines
  }
}
