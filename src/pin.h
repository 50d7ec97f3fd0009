/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef EINAT_PIN_H
#define EINAT_PIN_H

#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"

#define PIN_DEFAULT_DIR "/sys/fs/bpf/einat"

/**
 * pin_prepare() - make the folder for one interface's pins, DIR/IF (dots in IF as colons), or
 * DIR/netns-N/IF outside the network namespace of process 1. @dir NULL or PIN_DEFAULT_DIR: that,
 * where a BPF file system is mounted first if none is there and this mount namespace is that of
 * process 1.
 * @ret_path is set also on failure.
 */
int pin_prepare(const char *dir, const char *ifname, char *ret_path, size_t size, struct err *err);
/** pin_path() - the interface's folder, as pin_prepare() names it; nothing is made. */
void pin_path(const char *dir, const char *ifname, char *ret_path, size_t size);
/** pin_remove() - remove the interface's folder and the folders above that are empty now. */
void pin_remove(const char *path);
/**
 * pin_forget() - remove the pins of the TCX links @link_ids (0: none), and those in folders of
 * @ifname whose interface is gone, from every BPF file system that is mounted here.
 */
void pin_forget(const char *ifname, const uint32_t link_ids[2]);

#endif
