#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# test_hairpin.sh with an external interface that has no Ethernet header.
LAB_WORDS=tun exec "$(dirname "$0")/test_hairpin.sh"
