package org.diffusion4j.backend.cpu;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/** Libraries in the format ELF, 64 bits, little endian. */
final class Elf {

  private static final int MAGIC = 0x464c457f;
  private static final int SYMBOLS = 2;

  private Elf() {}

  /**
   * Fills the symbols for debuggers with zeros, which pack well. The symbols that a library is
   * linked by at run time are others, and stay.
   */
  static void clearSymbols(byte[] library) {
    ByteBuffer elf = ByteBuffer.wrap(library).order(ByteOrder.LITTLE_ENDIAN);
    if (elf.getInt(0) != MAGIC || elf.get(4) != 2 || elf.get(5) != 1) {
      throw new IllegalArgumentException("library must be ELF of 64 bits, little endian");
    }
    int sections = Math.toIntExact(elf.getLong(0x28));
    int size = elf.getShort(0x3a);
    int count = elf.getShort(0x3c);
    for (int i = 0; i < count; i++) {
      int section = sections + i * size;
      if (elf.getInt(section + 4) == SYMBOLS) {
        clear(elf, section);
        clear(elf, sections + elf.getInt(section + 0x28) * size); // their names
      }
    }
  }

  private static void clear(ByteBuffer elf, int section) {
    int offset = Math.toIntExact(elf.getLong(section + 0x18));
    int length = Math.toIntExact(elf.getLong(section + 0x20));
    elf.put(offset, new byte[length]);
  }
}
