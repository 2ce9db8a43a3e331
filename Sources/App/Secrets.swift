import Access
import Core
import Crypto
import Platform
import StreamCoord

/// The keys of this node: from the settings, or made once and kept in files that only their owner reads.
struct Secrets: Sendable {
    let api: [[UInt8]]
    let playback: PlaybackKeys
    let local: [UInt8]

    init(_ settings: Settings, _ folder: DataFolder) throws {
        api = try [
            settings.jwtSecret.map { Array($0.text.utf8) } ?? Self.kept(folder, "jwt"),
            settings.jwtSecretPrevious.map { Array($0.text.utf8) },
        ].compactMap { $0 }
        playback = PlaybackKeys(
            current: try settings.playbackSecret.map { Array($0.text.utf8) } ?? Self.kept(folder, "playback"),
            previous: settings.playbackSecretPrevious.map { Array($0.text.utf8) })
        local = try Self.kept(folder, "local")
    }

    private static func kept(_ folder: DataFolder, _ name: String) throws -> [UInt8] {
        Array(try SecretFile.readOrMake(folder: folder.secrets, name: name).utf8)
    }
}
