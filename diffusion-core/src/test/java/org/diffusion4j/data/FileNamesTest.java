package org.diffusion4j.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import java.util.stream.IntStream;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.CharRange;
import net.jqwik.api.constraints.Size;
import net.jqwik.api.constraints.StringLength;

class FileNamesTest {

  @Property(tries = 100)
  void name_anyText_isWhatItWas(
      @ForAll @Size(max = 20)
          List<@StringLength(max = 9) @CharRange(from = ' ', to = '\u9fff') String> texts) {
    FileNames names = new FileNames(texts);

    assertThat(names.size()).isEqualTo(texts.size());
    assertThat(IntStream.range(0, names.size()).mapToObj(names::name)).isEqualTo(texts);
    assertThatThrownBy(() -> names.name(texts.size()))
        .isInstanceOf(IndexOutOfBoundsException.class);
  }
}
