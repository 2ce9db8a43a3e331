import Core
import Platform

/// Pushes a source into a program's input as fast as it is taken, behind the frontier. Belongs to one thread.
struct SourceFeed {
    private let source: MediaSource
    private let limit: Int64
    private let openEnd: OpenEnd?
    private var input: SharedDescriptor?
    private var offset: Int64 = 0
    private var waiting: [UInt8] = []
    private var taken = 0

    init(_ source: MediaSource, limit: Int64 = .max, to input: SharedDescriptor?) throws(Errno) {
        self.source = source
        openEnd = try OpenEnd.find(in: source)
        self.limit = limit
        self.input = input
    }

    /// False while the bytes that came are all sent and more may come.
    private var hasMore: Bool {
        taken < waiting.count || offset < min(source.frontier.durable, limit) || source.frontier.isSealed
            || offset >= limit
    }

    func join(_ set: inout PollSet) {
        if let raw = input?.raw, hasMore { set.add(raw, .write) }
    }

    func isDescriptor(_ raw: Int32) -> Bool { input?.raw == raw }

    /// A reader that goes away early is no failure here: its exit and what it gave are judged elsewhere.
    mutating func advance() throws {
        guard let input else { return }
        if taken == waiting.count {
            // Sealed is read first: what becomes durable after it would be missed the other way round.
            let isSealed = source.frontier.isSealed
            let end = min(source.frontier.durable, limit)
            guard offset < end else {
                if isSealed || offset >= limit { self.input = nil }
                return
            }
            waiting = try source.file.descriptor.read(upTo: Int(min(262_144, end - offset)), at: offset)
            guard !waiting.isEmpty else { throw TranscodeFailure(.trouble, "The spool ended before its frontier.") }
            openEnd?.fill(&waiting, readAt: offset)
            offset += Int64(waiting.count)
            taken = 0
        }
        switch try input.take(waiting, from: taken) {
        case .bytes(let count): taken += count
        case .gone: self.input = nil
        }
    }
}
