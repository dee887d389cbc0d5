package io.github.attn4j.cli;

import io.github.attn4j.cli.pattern.Patterns;
import io.github.attn4j.cli.picture.MaskView;
import io.github.attn4j.cli.picture.Palette;
import io.github.attn4j.cli.picture.SvgPicture;
import java.util.List;
import java.util.Locale;

/**
 * The page of a demo: one file that needs nothing but itself, each mask's pictures beside its
 * numbers.
 */
final class DemoPage {
  private static final int THUMBNAIL = 120;

  private static final String STYLE =
      """
      :root { color-scheme: light; }
      body { margin: 2.5rem auto; padding: 0 1.5rem; max-width: 74rem;
        background: #fff; color: #212529;
        font: 15px/1.5 system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif; }
      h1 { margin: 0; font-size: 1.7rem; }
      p { margin: .4rem 0; max-width: 52rem; }
      .about, .says, th, .unit { color: #6c757d; }
      .verdict { display: inline-block; margin: .8rem 0; padding: .15rem .7rem; border-radius: 1rem;
        background: #e6f4ee; color: #00664b; font-weight: 600; }
      .verdict.failed { background: #fdece4; color: #a83f00; }
      .legend { display: flex; flex-wrap: wrap; gap: 1.4rem; margin: 1rem 0; font-size: .9rem; }
      .legend i { display: inline-block; width: .85em; height: .85em; margin-right: .4em; }
      table { border-collapse: collapse; width: 100%%; font-variant-numeric: tabular-nums; }
      th { font-weight: 500; font-size: .82rem; text-align: right;
        padding: .3rem .6rem; white-space: nowrap; }
      th.left, td.left { text-align: left; }
      thead tr:last-child th { border-bottom: 2px solid #ced4da; }
      td { text-align: right; padding: .7rem .6rem; border-bottom: 1px solid #e9ecef;
        white-space: nowrap; }
      td.left { white-space: normal; min-width: 11rem; }
      td.picture { padding-right: .2rem; }
      svg { display: block; }
      .name { font-weight: 600; }
      .says { font-size: .85rem; }
      .bar { height: .3rem; margin-top: .2rem; background: %s;
        border-radius: .15rem; margin-left: auto; }
      .error { font-size: .85rem; color: #495057; }
      .bad { color: #a83f00; font-weight: 700; }
      .good { color: #00664b; }
      a { color: inherit; text-decoration: none; }
      a:hover .name { text-decoration: underline; }
      """
          .formatted(Palette.hex(Palette.FULL));

  private DemoPage() {}

  static String html(Demo demo, List<Demo.Line> lines) {
    StringBuilder rows = new StringBuilder();
    double fastest =
        lines.stream()
            .mapToDouble(line -> Math.max(line.forwardSpeedUp(), line.backwardSpeedUp()))
            .max()
            .orElse(1);
    for (Demo.Line line : lines) {
      rows.append(row(line, fastest));
    }
    long failed = lines.stream().filter(line -> !line.ok()).count();
    String verdict =
        failed == 0
            ? "<div class=\"verdict\">all checks held</div>"
            : "<div class=\"verdict failed\">%d of %d masks failed</div>"
                .formatted(failed, lines.size());
    return """
    <!DOCTYPE html>
    <html lang="en">
    <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width">
    <title>attn4j demo</title>
    <style>
    %s</style>
    </head>
    <body>
    <h1>Attention under twelve masks</h1>
    <p class="about">%s</p>
    %s
    <p>Tiles of a mask in which nothing is visible are never computed. So a mask costs what it
    shows: the speed-up
    is over the same call with nothing to skip. Checked: %s.</p>
    <div class="legend">
    %s%s%s</div>
    <table>
    <thead>
    <tr><th></th><th></th><th></th><th></th>
    <th colspan="3">forward</th><th colspan="3">backward</th>
    <th colspan="2">largest error</th></tr>
    <tr><th class="left">elements</th><th class="left">tiles</th>
    <th class="left">mask</th><th>skipped</th>
    <th>ms</th><th>GFLOP/s</th><th>speed-up</th><th>ms</th><th>GFLOP/s</th><th>speed-up</th>
    <th>out</th><th>gradients</th></tr>
    </thead>
    <tbody>
    %s</tbody>
    </table>
    </body>
    </html>
    """
        .formatted(
            STYLE,
            demo.about(),
            verdict,
            demo.checked(),
            legend(Palette.FULL, "visible; tile computed without looking at the mask"),
            legend(Palette.PARTIAL, "tile computed under the mask"),
            legend(Palette.EMPTY, "masked; tile skipped"),
            rows);
  }

  private static String legend(int colour, String words) {
    return "<span><i style=\"background:%s\"></i>%s</span>\n".formatted(Palette.hex(colour), words);
  }

  private static String row(Demo.Line line, double fastest) {
    String[] cells = DemoCommand.cells(line);
    MaskView view = MaskView.of(line.name(), line.grid(), "");
    String verdict = line.ok() ? "good" : "bad";
    return """
    <tr>
    <td class="picture"><a href="%1$s.svg">%2$s</a></td>
    <td class="picture"><a href="%1$s.svg">%3$s</a></td>
    <td class="left"><a href="%1$s.svg"><div class="name">%1$s</div>
    <div class="says">%4$s</div></a></td>
    <td>%5$s</td>
    <td>%6$s</td><td>%7$s</td><td>%8$s%9$s</td>
    <td>%10$s</td><td>%11$s</td><td>%12$s%13$s</td>
    <td class="error">%14$s</td><td class="error">%15$s <span class="%16$s">%17$s</span></td>
    </tr>
    """
        .formatted(
            line.name(),
            SvgPicture.thumbnail(view, THUMBNAIL, false).strip(),
            SvgPicture.thumbnail(view, THUMBNAIL, true).strip(),
            Patterns.says(line.name()),
            cells[1],
            cells[2],
            cells[3],
            cells[4].replace("x", "×"),
            bar(line.forwardSpeedUp() / fastest),
            cells[5],
            cells[6],
            cells[7].replace("x", "×"),
            bar(line.backwardSpeedUp() / fastest),
            cells[8],
            cells[9],
            verdict,
            line.ok() ? "✓" : "✗ FAILED");
  }

  private static String bar(double share) {
    return String.format(
        Locale.ROOT, "<div class=\"bar\" style=\"width:%.1f%%\"></div>", 100 * share);
  }
}
