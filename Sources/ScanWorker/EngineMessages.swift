import CClamAV

/// What libclamav warns about. During a scan any of it means that something was not looked at as it should be.
final class EngineMessages {
    // The program has one thread, and a forked child has a copy of its own.
    nonisolated(unsafe) static let shared = EngineMessages()

    private var messages: [String] = []

    fileprivate func add(_ message: String) {
        if messages.count < 16 { messages.append(String(message.prefix(200))) }
    }

    func take() -> [String] {
        defer { messages = [] }
        return messages
    }
}

let heardFromEngine: clcb_msg = { severity, _, message, _ in
    guard severity.rawValue >= CL_MSG_WARN.rawValue, let message else { return }
    EngineMessages.shared.add(String(cString: message).filter { $0 != "\n" })
}
