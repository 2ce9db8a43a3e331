import App

enum Help {
    static let text = """
        Sluice takes audio in, proves it clean, encodes it and streams it.

        usage: sluice COMMAND [FLAGS]     sluice COMMAND --help says more

          serve                  the server
          upload FILE...         send files, wait until they are ready
          status TRACK           what became of a track (--watch until it is ready)
          play-url TRACK         a link that plays
          keys create|list|revoke   API keys
          token --track TRACK    a playback token, made without the server
          config                 every setting, its value and where it came from
          doctor                 what this machine lacks, and how to mend it
          verify                 ledger against stored files
          version                which version this is

        On the server's own machine no key is needed; elsewhere set SLUICE_URL and
        SLUICE_KEY, or say --url and --key.

        """
}

extension Command {
    var help: String {
        switch self {
        case .serve:
            """
            usage: sluice serve [--KEY VALUE ...]
            Starts the server. Every setting is a flag, an environment variable or a line
            of the file that SLUICE_CONFIG names.


            """
                + SettingKey.all.map { key in
                    "  \(key.flag)\(key.standard.isEmpty ? "" : " (\(key.standard))")\n      \(key.meaning)\n"
                }.joined()
        case .upload:
            """
            usage: sluice upload FILE... [-j N] [--no-wait] [--json] [--quiet]
            Sends files in chunks, several at once, and waits until each is ready.
              -j N          chunks in flight at once (4)
              --no-wait     return once the server has every byte
              --json        one line a file: {"id","trackId","state","url","error"}
              --quiet       errors only
              --sample      make a 30 s song and send it
              --sample=infected   a harmless test virus in an MP3: see it held back
              --url, --key  a server elsewhere (SLUICE_URL, SLUICE_KEY)

            """
        case .status: "usage: sluice status TRACK [--watch] [--json]\nSays what became of a track.\n"
        case .playURL: "usage: sluice play-url TRACK [--expires 1h] [--json]\nPrints a link that plays, alone.\n"
        case .keys:
            """
            usage: sluice keys create --name NAME [--tenant T] [--permissions A,B] [--json]
                   sluice keys list [--json]
                   sluice keys revoke KEY_ID
            Permissions: UploadAudio, StreamAudio, ManageTracks, Admin. A key is shown once.

            """
        case .token:
            "usage: sluice token --track TRACK [--tenant T] [--expires 4h] [--json]\nSigns a playback token with this data folder's secret.\n"
        case .config:
            "usage: sluice config [--json] [--KEY VALUE ...]\nEvery setting, its value and where it came from; secrets hidden.\n"
        case .doctor: "usage: sluice doctor [--json]\nLooks at everything the service needs; 1 if something is wrong.\n"
        case .verify: "usage: sluice verify [--json]\nCompares the ledger with the stored files; 1 if they differ.\n"
        }
    }
}
