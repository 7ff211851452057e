#!/usr/bin/env bash
# Captures the hellos of this machine's curl, OpenSSL, GnuTLS, Node, Java, Python, Chromium and Go into clients/*.txt, and
# writes the files of the browsers that uTLS knows. Read the diff, then commit.
set -euo pipefail
cd "$(dirname "$0")"
ALBLAB_TOOLS=required go test . -run 'TestCaptured|TestShipped' -count=1 -v -update
git status --short clients
