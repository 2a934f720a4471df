/// What is wrong with a rule, and where.
struct RuleFault: Error, Equatable {
  /// In octets from the beginning of the rule's text.
  var offset: Int
  /// The keyword at fault; empty for the head and the form.
  var keyword = ""
  var reason: String

  init(_ offset: Int, _ reason: String) {
    self.offset = offset
    self.reason = reason
  }
}
