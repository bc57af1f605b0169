package org.diffusion4j.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;

import java.io.IOException;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

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
  void write_samplesOfATable_givesItsColumnsInOriginalUnits() throws IOException {
    String text = "age,\"size, m\"\n20,1.25\n60,2.5\n41,1.75\n";
    DelimitedVectors vectors = read(text, b -> b.keepDecimals());
    Path file = folder.resolve("out.csv");
    try (INDArray samples =
        Nd4j.createFromArray(new float[][] {{-1, -1}, {1.5f, 1}, {0.049f, 0}})) {
      vectors.write(file, samples);
    }
    assertThat(file).hasContent("age,\"size, m\"\n20,1.25\n60,2.5\n41,1.88\n");

    DelimitedVectors again = DelimitedVectors.of(file).scaling(vectors.scaling()).read();
    assertThat(sample(again, 1)).containsExactly(1, 1);
  }

  @Test
  void write_withoutNamesAndDecimals_givesRowsOnly() throws IOException {
    DelimitedVectors vectors = read("1000000000000\t4\n3000000000000\t8", b -> b);
    Path file = folder.resolve("out.csv");
    try (INDArray samples = Nd4j.createFromArray(new float[][] {{-1, 0.25f}});
        INDArray wide = Nd4j.zeros(2, 3)) {
      vectors.write(file, samples);
      assertThatThrownBy(() -> vectors.write(file, wide))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("[2, 3]");
    }
    assertThat(file).hasContent("1000000000000,6.5\n");
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
        "\uFEFF# made by hand\r\n"
            + "\"name\",\"x, cm\"\r\n\r\n"
            + "\"a \"\"b\"\", c\",1e0\r\n"
            + "#\r\n"
            + "d,-2.5E-1\r\n";
    DelimitedVectors vectors = read(text, b -> b.label("name").columns("x, cm"));

    assertThat(vectors.classNames()).containsExactly("a \"b\", c", "d");
    assertThat(vectors.scaling().low(0)).isEqualTo(-0.25);
  }

  @Test
  void read_badCell_namesFileAndLine() {
    refused("x,y\n1,2\n3,four\n", b -> b, "line 3: column y: 'four' is not a number");
    refused("1,2\n3,\n", b -> b, "line 2: column 1: '' is not a number");
    refused("1,2\n3,NaN\n", b -> b, "line 2: column 1: 'NaN' is not finite");
    refused("nan,1\n", b -> b, "line 1: column 0: 'nan' is not finite");
    refused("1\n\n-Infinity\n", b -> b, "line 3: column 0: '-Infinity' is not finite");
    refused("1\n1e999\n", b -> b, "line 2: column 0: '1e999' is not finite");
    refused("1,2\n3,1d\n", b -> b, "line 2: column 1: '1d' is not a number");
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
        .hasMessage(file + ": is not UTF-8 text");
  }

  @Test
  void read_lineEndInQuotes_belongsToTheCell() throws IOException {
    for (String end : new String[] {"\n", "\r\n", "\r"}) {
      String text = "a,note,b\n1,\"two\nlines, \"\"all\"\"\",2\n3,x,4".replace("\n", end);
      DelimitedVectors vectors = read(text, b -> b.label("note").columns("a", "b"));

      assertThat(vectors.size()).isEqualTo(2);
      assertThat(vectors.classNames()).containsExactly("two" + end + "lines, \"all\"", "x");
      refused(text + end + "5,\"y\",", b -> b.columns(2), "line 5: column b: '' is not a number");
    }
    refused("a,b\n1,\"2\n3,4\n", b -> b, "line 2: quote is not closed");
  }

  @Test
  void read_quotesWithinACell_takesTimeOfItsLength() throws IOException {
    String text = "a,b\n" + "x".repeat(1_000_000) + "\"".repeat(1_000_000) + ",1\n";

    DelimitedVectors vectors =
        assertTimeoutPreemptively(Duration.ofSeconds(5), () -> read(text, b -> b));

    assertThat(vectors.size()).isEqualTo(1);
    refused(
        "a,b\n1," + "\"\"".repeat(500_000) + "\n2,\"" + "x\n".repeat(300_000),
        b -> b,
        "line 3: quote is not closed");
  }

  @Test
  void read_textColumns_areNamedInTheLog() throws IOException {
    List<String> logged =
        LoggedText.of(
            () ->
                assertThat(
                        read("a,day,city,b\n1,2024-01-02,Bonn,2\n3,2024-01-03,Ulm,4\n", b -> b)
                            .sampleShape())
                    .containsExactly(2));

    assertThat(logged).singleElement().asString().endsWith("were skipped: day, city");
    assertThat(LoggedText.of(() -> read(TOY, b -> b.label("dataset")))).isEmpty();
    assertThat(LoggedText.of(() -> read(TOY, b -> b.columns("x")))).isEmpty();
  }

  @Test
  void read_strayCell_leadsToTheOption() {
    refused(
        "a,city\n1,Bonn\n3,12\n", b -> b, "'Bonn' is not a number; columns(...) selects others");
    refused("a,b\n1,\n3,12\n", b -> b, "'' is not a number; skipIncompleteRows() skips such rows");
    refused("a;b\n1;1,5\n3;12\n", b -> b, "'1,5' is not a number; decimalComma() accepts it");
    refused("a;b\n1,25;1,5\n3,0;12,0\n", b -> b, "no column of numbers; decimalComma() reads");
    refused("id,2019\n1,2\n", b -> b, "line 1: column 0: 'id' is not a number; header(true) reads");
  }

  @Test
  void skipIncompleteRows_leavesThemOutAndCounts() throws IOException {
    String text = "a,b,c\n1,2,x\n3,,y\nNA,4,y\n5,6,\n7,8,z\n";

    List<String> logged =
        LoggedText.of(
            () -> {
              DelimitedVectors vectors = read(text, b -> b.label("c").skipIncompleteRows());
              assertThat(vectors.size()).isEqualTo(2);
              assertThat(vectors.classNames()).containsExactly("x", "z");
            });

    assertThat(logged).singleElement().asString().endsWith("3 incomplete rows were skipped");
    assertThat(read(text, b -> b.columns("a", "b").skipIncompleteRows()).size()).isEqualTo(3);
    refused("a,b\n1,\n,2\n", b -> b.skipIncompleteRows(), "has no complete row");
  }

  @Test
  void header_ofNumbers_isSaidAndCanBeTakenForNames() throws IOException {
    String text = "2019,2020\n1,2\n3,4\n";

    List<String> logged = LoggedText.of(() -> assertThat(read(text, b -> b).size()).isEqualTo(3));

    assertThat(logged)
        .singleElement()
        .asString()
        .endsWith("was read as data: 2019, 2020; header(true) reads it as names");
    assertThat(
            LoggedText.of(
                () -> {
                  DelimitedVectors named = read(text, b -> b.header(true).columns("2020"));
                  assertThat(named.size()).isEqualTo(2);
                  assertThat(named.scaling().high(0)).isEqualTo(4);
                  assertThat(read(text, b -> b.header(false)).size()).isEqualTo(3);
                }))
        .isEmpty();
    refused(
        "name,2019,2020\nx,1,2\n",
        b -> b.label("name"),
        "to select 'name' but the first row was read as data: name, 2019, 2020; header(true)");
    refused("x,x\n1,2\n", b -> b.columns("x"), "column 'x' occurs twice; select it by index");
  }

  @Test
  void decimalComma_readsNumbersWithIt() throws IOException {
    DelimitedVectors vectors = read("a;b\n1,5;2\n-2,5e1;\"3,25\"\n", b -> b.decimalComma());
    DelimitedVectors blanks = read("1,5 2\n3,5 4\n", b -> b.decimalComma());

    assertThat(vectors.scaling())
        .isEqualTo(Scaling.of(new double[] {-25, 2}, new double[] {1.5, 3.25}));
    assertThat(blanks.scaling().low(0)).isEqualTo(1.5);
    refused("a;b\n1.000,5;2\n1,5;2", b -> b.decimalComma(), "'1.000,5' is not a number");
    refused("a\n1.000\n1,5", b -> b.decimalComma(), "'1.000' is not a number");
  }

  @Test
  void read_whatSpreadsheetsWrite_isUnderstood() throws IOException {
    Scaling expected = Scaling.of(new double[] {1, 2}, new double[] {3, 4});
    Path file = folder.resolve("table");
    String text = "\uFEFFa\tb\r\n1\t2\r\n3\t4\r\n";
    for (Charset charset : List.of(StandardCharsets.UTF_16LE, StandardCharsets.UTF_16BE)) {
      Files.writeString(file, text, charset);
      assertThat(DelimitedVectors.of(file).read().scaling()).isEqualTo(expected);
    }
    assertThat(read("sep=;\r\na;b\r\n1;2\r\n3;4", b -> b).scaling()).isEqualTo(expected);
    assertThat(read("a,\"x\ty\"\n1,2\n3,4", b -> b).scaling()).isEqualTo(expected);
  }

  @Test
  void keepDecimals_givesNumbersLikeTheData() throws IOException {
    DelimitedVectors vectors =
        read("whole,two,constant\n5,-0.87,7\n0,1.5,7\n9,3.06,7\n", b -> b.keepDecimals());

    INDArray back =
        vectors
            .scaling()
            .invert(Nd4j.create(new float[][] {{0.3f, 0.21f, 0.4f}, {1.2f, -3, 1}, {-1, 1, 0}}));

    assertThat(back.toDoubleMatrix())
        .isDeepEqualTo(new double[][] {{6, 1.51, 7}, {9, -0.87, 7}, {0, 3.06, 7}});
  }

  @Test
  void withClassNames_ofAnotherFile_comparesByName() throws IOException {
    DelimitedVectors train = read("x,k\n1,a\n2,b\n", b -> b.label("k"));
    DelimitedVectors more = read("x,k\n1,b\n2,c\n", b -> b.label("k"));
    Path file = folder.resolve("table");

    assertThatThrownBy(() -> more.withClassNames(train.classNames()))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(file + ": line 3: class must be one of [a, b] but was 'c'");
    DelimitedVectors wider = more.withClassNames(List.of("c", "a", "b"));
    assertThat(wider.classNames()).containsExactly("c", "a", "b");
    assertThat(wider.label(0)).isEqualTo(2);
    assertThat(wider.label(1)).isZero();
    assertThatThrownBy(() -> more.withClassNames(List.of("b", "c", "b")))
        .hasMessage("class names must differ but 'b' occurs twice");
    assertThatThrownBy(() -> read("1\n", b -> b).withClassNames(List.of("a")))
        .isInstanceOf(IllegalStateException.class);
  }

  @Test
  void read_hostileText_isShownShort() {
    String hostile = "line\\end\u0000".repeat(10_000);
    assertThatThrownBy(() -> read("a,b\n1," + hostile + "\n2,3\n", b -> b))
        .satisfies(e -> assertThat(e.getMessage().length()).isLessThan(400))
        .hasMessageNotContaining("\u0000");
    assertThatThrownBy(() -> read((hostile + ",").repeat(50) + "\n", b -> b.label("k")))
        .satisfies(e -> assertThat(e.getMessage().length()).isLessThan(1000))
        .hasMessageNotContaining("\u0000");
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
