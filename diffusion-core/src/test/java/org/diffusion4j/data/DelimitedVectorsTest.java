package org.diffusion4j.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class DelimitedVectorsTest {

  private static final String TOY = "dataset\tx\ty\ndino\t0\t10\nstar\t5\t20\ndino\t10\t30\n";

  @TempDir private Path folder;

  @ParameterizedTest
  @ValueSource(
      strings = {"1,4\n3,8\n2,6", "1;4\n3;8\n2;6", "1\t4\n3\t8\n2\t6\n", " 1  4\n3 \t8\n2 6 "})
  void read_anySeparator_scalesEachColumn(String text) throws IOException {
    DelimitedVectors vectors = read(text, b -> b);

    assertThat(vectors.size()).isEqualTo(3);
    assertThat(vectors.sampleShape()).containsExactly(2);
    assertThat(sample(vectors, 0)).containsExactly(-1, -1);
    assertThat(sample(vectors, 1)).containsExactly(1, 1);
    assertThat(sample(vectors, 2)).containsExactly(0, 0);
    assertThat(vectors.scaling()).isEqualTo(Scaling.of(new double[] {1, 4}, new double[] {3, 8}));
  }

  @Test
  void read_byDefault_takesNumericColumns() throws IOException {
    DelimitedVectors vectors = read(TOY, b -> b);

    assertThat(vectors.sampleShape()).containsExactly(2);
    assertThat(vectors.classes()).isZero();
    assertThat(vectors).hasToString("DelimitedVectors[table, 3 x [2]]");
  }

  @Test
  void where_text_takesItsRowsOnly() throws IOException {
    DelimitedVectors byName = read(TOY, b -> b.where("dataset", "dino"));
    DelimitedVectors byIndex = read(TOY, b -> b.where(0, "star"));

    assertThat(byName.size()).isEqualTo(2);
    assertThat(byName.scaling()).isEqualTo(Scaling.of(new double[] {0, 10}, new double[] {10, 30}));
    assertThat(byIndex.size()).isEqualTo(1);
    assertThat(sample(byIndex, 0)).containsExactly(0, 0);
  }

  @Test
  void label_textColumn_becomesSortedClasses() throws IOException {
    DelimitedVectors vectors = read("1,b\n2,a\n3,b\n", b -> b.label(1));

    assertThat(vectors.classNames()).containsExactly("a", "b");
    assertThat(vectors.label(0)).isEqualTo(1);
    assertThat(vectors.label(1)).isZero();
    assertThat(vectors.sampleShape()).containsExactly(1);
  }

  @Test
  void label_wholeNumbers_sortsThemAsNumbers() throws IOException {
    DelimitedVectors vectors = read("x,c\n1,10\n2,9\n", b -> b.label("c"));

    assertThat(vectors.classNames()).containsExactly("9", "10");
    assertThat(vectors.sampleShape()).containsExactly(1);
  }

  @Test
  void columns_chosen_keepTheirOrder() throws IOException {
    DelimitedVectors byIndex = read("1,2,3\n4,5,6\n", b -> b.columns(2, 0));
    DelimitedVectors byName = read("a,b,c\n1,2,3\n4,5,6\n", b -> b.columns("c", "a"));

    assertThat(byIndex.scaling().low(0)).isEqualTo(3);
    assertThat(byIndex.scaling().low(1)).isEqualTo(1);
    assertThat(byName.scaling()).isEqualTo(byIndex.scaling());
  }

  @Test
  void scaling_given_isUsed() throws IOException {
    Scaling scaling = Scaling.of(new double[] {0}, new double[] {4});
    DelimitedVectors vectors = read("1\n5\n", b -> b.scaling(scaling));

    assertThat(sample(vectors, 0)).containsExactly(-0.5f);
    assertThat(sample(vectors, 1)).containsExactly(1.5f);
    assertThat(vectors.scaling()).isSameAs(scaling);
  }

  @Test
  void read_quotesCommentsBlanksAndByteOrderMark_areUnderstood() throws IOException {
    String text =
        "\uFEFF# made by hand\r\n\"name\",\"x, cm\"\r\n\r\n\"a \"\"b\"\", c\",1e0\r\n#\r\nd,-2.5E-1\r\n";
    DelimitedVectors vectors = read(text, b -> b.label("name").columns("x, cm"));

    assertThat(vectors.classNames()).containsExactly("a \"b\", c", "d");
    assertThat(vectors.scaling().low(0)).isEqualTo(-0.25);
  }

  @Test
  void read_badCell_namesFileAndLine() {
    refused("x,y\n1,2\n3,four\n", b -> b, "line 3: column y: 'four' is no number");
    refused("1,2\n3,\n", b -> b, "line 2: column 1: '' is no number");
    refused("1,2\n3,NaN\n", b -> b, "line 2: column 1: 'NaN' is not finite");
    refused("nan,1\n", b -> b, "line 1: column 0: 'nan' is not finite");
    refused("1\n\n-Infinity\n", b -> b, "line 3: column 0: '-Infinity' is not finite");
    refused("1\n1e999\n", b -> b, "line 2: column 0: '1e999' is not finite");
    refused("1,2\n3,1d\n", b -> b, "line 2: column 1: '1d' is no number");
  }

  @Test
  void read_badTable_namesFile() {
    refused("1,2\n3,4,5\n", b -> b, "line 2: row must have 2 cells but has 3");
    refused("1,2\n3\n", b -> b, "line 2: row must have 2 cells but has 1");
    refused("", b -> b, "is empty");
    refused("\n\n", b -> b, "has no rows");
    refused("x,y\n", b -> b, "has no rows");
    refused(TOY, b -> b.where("dataset", "cat"), "has no rows with 'cat'");
    refused(TOY, b -> b.label("class"), "column must be one of [dataset, x, y] but was 'class'");
    refused(TOY, b -> b.columns(1, 3), "column must be in [0, 2] but was 3");
    refused("a,b\nc,d\n", b -> b, "has no column of numbers");
    refused("1e308\n-1e308\n", b -> b, "range of feature 0 must be finite");
  }

  @Test
  void read_notText_saysSo() throws IOException {
    Path file = Files.write(folder.resolve("table"), new byte[] {'1', '\n', (byte) 0xff, '\n'});

    assertThatThrownBy(() -> DelimitedVectors.of(file).read())
        .isInstanceOf(IOException.class)
        .hasMessage(file + ": is no UTF-8 text");
  }

  private DelimitedVectors read(String text, UnaryOperator<DelimitedVectors.Builder> options)
      throws IOException {
    Path file = Files.writeString(folder.resolve("table"), text, StandardCharsets.UTF_8);
    return options.apply(DelimitedVectors.of(file)).read();
  }

  private void refused(
      String text, UnaryOperator<DelimitedVectors.Builder> options, String message) {
    assertThatThrownBy(() -> read(text, options))
        .isInstanceOf(IOException.class)
        .hasMessageStartingWith(folder.resolve("table") + ": ")
        .hasMessageContaining(message);
  }

  private static float[] sample(SampleSource source, int index) throws IOException {
    float[] sample = new float[Samples.length(source.sampleShape())];
    source.read(index, sample);
    return sample;
  }
}
