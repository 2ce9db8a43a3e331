package import Core

/// What is taken from whom. The limits endpoint says exactly this, and everything that enforces reads it here.
package struct UploadLimits: Equatable, Sendable {
    package var audioBytes: Int64 = 100 << 20
    package var imageBytes: Int64 = 10 << 20
    package var videoBytes: Int64 = 500 << 20
    package var docBytes: Int64 = 20 << 20
    package var maxDuration: Duration = .seconds(6 * 3600)
    /// Of one user; 0 is no limit.
    package var uploadsPerHour = 10
    /// Unfinished, of one user; 0 is no limit.
    package var openUploads = 20
    package var lifetime: Duration = .seconds(24 * 3600)
    /// What one tenant may store and have under way, in bytes; nil is no limit.
    package var tenantQuota: Int64?
    /// Past so many finished uploads that wait for their turn no new upload begins.
    package var queueDepth = 10_000
    /// Below this share of the disk no new upload begins; those under way go on.
    package var leastFree = 0.10

    package init() {}

    /// What is taken at most, of whatever kind.
    package var largest: Int64 { max(audioBytes, imageBytes, videoBytes, docBytes) }

    /// A name or type that promises a format has that format's limit.
    func limit(of promise: FormatPromise) -> Int64 { promise.format == nil ? largest : audioBytes }

    package func checkSize(_ size: Int64, of kind: MediaKind = .audio) throws(IngestFailure) {
        guard size > 0 else {
            throw IngestFailure(field: "size", value: String(size), expected: "a number of bytes from 1")
        }
        guard size <= bytes(of: kind) else {
            throw IngestFailure(.tooLarge, "The file has \(size) bytes; taken are up to \(bytes(of: kind)).")
        }
    }

    package func bytes(of kind: MediaKind) -> Int64 {
        switch kind {
        case .audio: audioBytes
        case .image: imageBytes
        case .video: videoBytes
        case .doc: docBytes
        }
    }

    package var json: JSON {
        .object([
            ("audio", json(.audio)), ("image", json(.image)), ("video", json(.video)), ("doc", json(.doc)),
            ("max_duration_seconds", .integer(maxDuration.components.seconds)),
            ("uploads_per_hour", .integer(Int64(uploadsPerHour))),
        ])
    }

    private func json(_ kind: MediaKind) -> JSON {
        .object([
            ("max_size_bytes", .integer(bytes(of: kind))),
            ("formats", .array(kind.formats.map { .string($0.name) })),
        ])
    }
}
