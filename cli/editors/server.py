"""The Language Server Protocol, by pygls: documents come in, answers and diagnostics go out."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Final

from lsprotocol import types
from pygls import uris
from pygls.lsp.server import LanguageServer

from cli import __version__
from cli.editors import answers
from cli.editors.desk import Desk, Document
from compiler.language.completing import MOST, complete
from compiler.language.pointing import definitions, hover, references
from compiler.language.positions import Encoding, Position, Positions
from compiler.language.symbols import symbols
from compiler.language.understanding import Understood

PAUSE: Final = 0.2
"""How long nobody must have typed before a policy is compiled, in seconds."""

_WATCHED: Final = ("**/*.yaml", "**/*.yml", "**/*jwks.json")


class PolicyServer(LanguageServer):
    """A language server of policies; the protocol's whole state is its documents."""

    def __init__(self, policy: Path | None = None) -> None:
        # Whole texts: policies are small, and nobody's idea of a line's end can differ.
        whole = types.TextDocumentSyncKind.Full
        super().__init__("gatewright", __version__, text_document_sync_kind=whole)
        self.desk = Desk(policy)
        self._waiting: dict[str, asyncio.Task[None]] = {}
        self._told: dict[str, set[str]] = {}  # files with diagnostics, by policy

    @property
    def encoding(self) -> Encoding:
        """In what columns are counted."""
        agreed = self.workspace.position_encoding or types.PositionEncodingKind.Utf16
        return Encoding(types.PositionEncodingKind(agreed).value)

    def document(self, uri: str) -> Document:
        """Give an open document, or the file of that address."""
        known = self.desk.documents.get(uri)
        if known is not None:
            return known
        return Document(uri, _path(uri), self.workspace.get_text_document(uri).source)

    def put(self, uri: str, text: str) -> None:
        """Take a document's text, and compile its policy when nobody types."""
        document = Document(uri, _path(uri), text)
        self.desk.put(document)
        self.changed(document)

    def changed(self, document: Document) -> None:
        """Compile the policy of a document in a while, and not before the last change's."""
        policy = self.desk.policy(document)
        if policy is None:
            self.text_document_publish_diagnostics(types.PublishDiagnosticsParams(document.uri, []))
            return
        waiting = self._waiting.pop(policy, None)
        if waiting is not None:
            waiting.cancel()
        self._waiting[policy] = asyncio.get_running_loop().create_task(self._tell_later(policy))

    def close(self, uri: str) -> None:
        """Drop a document, and what was told of its policy if it was the last one of it."""
        document = self.desk.drop(uri)
        if document is None:
            return
        left = {self.desk.policy(one) for one in self.desk.documents.values()}
        policy = self.desk.policy(document)
        for told in [one for one in self._told if one not in left]:
            self._publish(told, {})
            self.desk.forget(told)
        if policy in left:
            self.changed(document)  # what is on disk holds again

    async def _tell_later(self, policy: str) -> None:
        await asyncio.sleep(PAUSE)
        try:
            known = await asyncio.to_thread(self.desk.understand, policy)
        except Exception as error:  # noqa: BLE001 - the server goes on, and says that it has a bug
            message = f"internal error ({type(error).__name__}); this is a bug of gatewright"
            self.window_log_message(types.LogMessageParams(types.MessageType.Error, message))
            return
        first = next((source.name for source in known.sources.policies), policy)
        self._publish(policy, answers.diagnostics(known, self.encoding, first))

    def _publish(self, policy: str, found: dict[str, list[types.Diagnostic]]) -> None:
        """Send what is wrong, and nothing for files that are right again."""
        for file in sorted({*found, *self._told.get(policy, ())}):
            params = types.PublishDiagnosticsParams(answers.uri_of(file), found.get(file, []))
            self.text_document_publish_diagnostics(params)
        self._told[policy] = set(found)
        if not found:
            del self._told[policy]


def server(policy: Path | None = None) -> PolicyServer:
    """Make the server with all that it can do."""
    made = PolicyServer(policy)
    _follow(made)
    _answer(made)
    return made


def _follow(made: PolicyServer) -> None:
    """Keep up with the editor's documents."""

    @made.feature(types.INITIALIZED)
    def initialized(_params: types.InitializedParams) -> None:
        folders = (_path(folder.uri) for folder in made.workspace.folders.values())
        root = made.workspace.root_path
        made.desk.folders = [folder for folder in folders if folder is not None]
        if not made.desk.folders and root is not None:
            made.desk.folders = [Path(root)]
        capabilities = made.client_capabilities.workspace
        watched = capabilities.did_change_watched_files if capabilities else None
        if watched is not None and watched.dynamic_registration:
            watchers = [types.FileSystemWatcher(glob) for glob in _WATCHED]
            options = types.DidChangeWatchedFilesRegistrationOptions(watchers)
            wanted = types.Registration("files", types.WORKSPACE_DID_CHANGE_WATCHED_FILES, options)
            made.client_register_capability(types.RegistrationParams([wanted]))

    @made.feature(types.TEXT_DOCUMENT_DID_OPEN)
    async def opened(params: types.DidOpenTextDocumentParams) -> None:
        made.put(params.text_document.uri, params.text_document.text)

    @made.feature(types.TEXT_DOCUMENT_DID_CHANGE)
    async def changed(params: types.DidChangeTextDocumentParams) -> None:
        uri = params.text_document.uri
        made.put(uri, made.workspace.get_text_document(uri).source)

    @made.feature(types.TEXT_DOCUMENT_DID_CLOSE)
    async def closed(params: types.DidCloseTextDocumentParams) -> None:
        made.close(params.text_document.uri)

    @made.feature(types.WORKSPACE_DID_CHANGE_WATCHED_FILES)
    async def files_changed(_params: types.DidChangeWatchedFilesParams) -> None:
        made.desk.look_again()
        for document in made.desk.documents.values():
            made.changed(document)


def _answer(made: PolicyServer) -> None:
    """Answer what the editor asks."""

    def asked(uri: str) -> tuple[Understood, Document, Positions]:
        document = made.document(uri)
        return made.desk.known(document), document, Positions(document.text, made.encoding)

    def placed(position: types.Position, at: Positions) -> int:
        return at.index(Position(position.line, position.character))

    @made.feature(
        types.TEXT_DOCUMENT_COMPLETION, types.CompletionOptions(trigger_characters=list(": /[{,-"))
    )
    async def completion(params: types.CompletionParams) -> types.CompletionList | None:
        known, document, at = asked(params.text_document.uri)
        if made.desk.policy(document) is None and len(document.text.split()) > 1:
            return None  # YAML of something else
        found = complete(known, document.text, placed(params.position, at))
        return types.CompletionList(len(found) == MOST, answers.completions(found, at))

    @made.feature(types.TEXT_DOCUMENT_HOVER)
    async def hovered(params: types.HoverParams) -> types.Hover | None:
        known, document, at = asked(params.text_document.uri)
        if made.desk.policy(document) is None:
            return None
        return answers.hover(hover(known, document.name, placed(params.position, at)), at)

    @made.feature(types.TEXT_DOCUMENT_DEFINITION)
    async def definition(params: types.DefinitionParams) -> list[types.Location]:
        known, document, at = asked(params.text_document.uri)
        found = definitions(known, document.name, placed(params.position, at))
        return answers.locations(found, answers.positions_of(known, made.encoding))

    @made.feature(types.TEXT_DOCUMENT_REFERENCES)
    async def referred(params: types.ReferenceParams) -> list[types.Location]:
        known, document, at = asked(params.text_document.uri)
        found = references(known, document.name, placed(params.position, at))
        return answers.locations(found, answers.positions_of(known, made.encoding))

    @made.feature(types.TEXT_DOCUMENT_DOCUMENT_SYMBOL)
    async def outlined(params: types.DocumentSymbolParams) -> list[types.DocumentSymbol]:
        known, document, at = asked(params.text_document.uri)
        return answers.symbols(symbols(known.outlines[document.name]), at)


def _path(uri: str) -> Path | None:
    if not uri.startswith("file:"):
        return None
    path = uris.to_fs_path(uri)
    return None if path is None else Path(path)
