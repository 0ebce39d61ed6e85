"""An editor: pygls' own client, on a loop of its own, and a server that it runs over stdio."""

import asyncio
import sys
import threading
import time
from contextlib import contextmanager

from lsprotocol import types
from pygls.lsp.client import LanguageClient

WAIT = 30.0


class Editor:
    """What a test does in an editor, one thing after the other; waits have a deadline."""

    def __init__(self, folder):
        self.folder = folder
        self.told = {}
        self.messages = []
        self._versions = {}
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, daemon=True).start()
        self.client = LanguageClient("tests", "1")

        @self.client.feature(types.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS)
        def told(params):
            self.told[params.uri] = list(params.diagnostics)

        @self.client.feature(types.WINDOW_SHOW_MESSAGE)
        def shown(params):
            self.messages.append(params.message)

    def run(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(WAIT)

    def start(self, *arguments, encodings=None):
        """Start the server and say hello."""
        self.run(self.client.start_io(sys.executable, "-m", "cli", "lsp", *arguments))
        general = types.GeneralClientCapabilities(position_encodings=encodings)
        params = types.InitializeParams(
            capabilities=types.ClientCapabilities(general=general),
            workspace_folders=[types.WorkspaceFolder(self.folder.as_uri(), "tests")],
        )
        self.answer = self.run(self.client.initialize_async(params))
        self._say(self.client.initialized, types.InitializedParams())

    def stop(self):
        """Say goodbye; the server's exit code."""
        server = self.client._server
        self.run(self.client.shutdown_async(None))
        self._say(self.client.exit, None)
        code = self.run(server.wait())
        self._loop.call_soon_threadsafe(self._loop.stop)
        return code

    def uri(self, name):
        return (self.folder / name).as_uri()

    def open(self, name, text):
        uri = name if ":" in name else self.uri(name)
        self._versions[uri] = 1
        item = types.TextDocumentItem(uri, types.LanguageKind.Yaml, 1, text)
        self._say(self.client.text_document_did_open, types.DidOpenTextDocumentParams(item))

    def change(self, name, text):
        uri = name if ":" in name else self.uri(name)
        self._versions[uri] += 1
        document = types.VersionedTextDocumentIdentifier(version=self._versions[uri], uri=uri)
        whole = [types.TextDocumentContentChangeWholeDocument(text)]
        params = types.DidChangeTextDocumentParams(document, whole)
        self._say(self.client.text_document_did_change, params)

    def close(self, name):
        params = types.DidCloseTextDocumentParams(self._document(name))
        self._say(self.client.text_document_did_close, params)

    def complete(self, name, line, character):
        params = types.CompletionParams(self._document(name), types.Position(line, character))
        return self.run(self.client.text_document_completion_async(params))

    def hover(self, name, line, character):
        params = types.HoverParams(self._document(name), types.Position(line, character))
        return self.run(self.client.text_document_hover_async(params))

    def define(self, name, line, character):
        params = types.DefinitionParams(self._document(name), types.Position(line, character))
        return self.run(self.client.text_document_definition_async(params))

    def refer(self, name, line, character):
        context = types.ReferenceContext(include_declaration=False)
        at = types.Position(line, character)
        params = types.ReferenceParams(context, self._document(name), at)
        return self.run(self.client.text_document_references_async(params))

    def symbols(self, name):
        params = types.DocumentSymbolParams(self._document(name))
        return self.run(self.client.text_document_document_symbol_async(params))

    def wait(self, name, ready):
        """Wait until what the server told of a file is as a test wants it."""
        uri = name if ":" in name else self.uri(name)
        deadline = time.monotonic() + WAIT
        while uri not in self.told or not ready(self.told[uri]):
            assert time.monotonic() < deadline, f"{name}: {self.told.get(uri)}"
            time.sleep(0.02)
        return self.told[uri]

    def _document(self, name):
        return types.TextDocumentIdentifier(name if ":" in name else self.uri(name))

    def _say(self, method, params):
        async def say():
            method(params)

        self.run(say())


@contextmanager
def editing(folder, *arguments, encodings=None):
    """A session of an editor in a folder; the server must leave as one that was well."""
    editor = Editor(folder)
    editor.start(*arguments, encodings=encodings)
    yield editor
    assert editor.stop() == 0
