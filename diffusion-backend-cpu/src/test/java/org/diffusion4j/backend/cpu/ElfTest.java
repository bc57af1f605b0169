package org.diffusion4j.backend.cpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import org.junit.jupiter.api.Test;

class ElfTest {

  @Test
  void clearSymbols_clearsSymbolsAndTheirNames_andNothingElse() {
    byte[] library = new byte[0x40 + 3 * 0x40 + 30];
    Arrays.fill(library, 0x100, library.length, (byte) 7);
    ByteBuffer elf = ByteBuffer.wrap(library).order(ByteOrder.LITTLE_ENDIAN);
    elf.putInt(0, 0x464c457f).put(4, (byte) 2).put(5, (byte) 1);
    elf.putLong(0x28, 0x40).putShort(0x3a, (short) 0x40).putShort(0x3c, (short) 3);
    section(elf, 0, 11, 0x100, 10, 1); // dynamic symbols
    section(elf, 1, 2, 0x10a, 10, 2); // symbols
    section(elf, 2, 3, 0x114, 5, 0); // names
    byte[] expected = library.clone();
    Arrays.fill(expected, 0x10a, 0x119, (byte) 0);
    Elf.clearSymbols(library);
    assertThat(library).isEqualTo(expected);
  }

  private static void section(ByteBuffer elf, int index, int type, int offset, int size, int link) {
    int at = 0x40 + index * 0x40;
    elf.putInt(at + 4, type).putLong(at + 0x18, offset).putLong(at + 0x20, size);
    elf.putInt(at + 0x28, link);
  }

  @Test
  void clearSymbols_ofAnotherFormat_isRefused() {
    assertThatIllegalArgumentException().isThrownBy(() -> Elf.clearSymbols(new byte[100]));
  }
}
