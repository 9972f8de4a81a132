"""The legend of the demo model: fourteen classes of a Zimbabwean landscape.

WorldCereal codes are those of its crop-type legend (Van Tricht et al. 2023, Earth Syst. Sci. Data
15:5491). Colours of crops resemble the Cropland Data Layer of the USDA, those of other land Dynamic
World's palette (Brown et al. 2022, Scientific Data 9:251).
"""

from geocrop_processes.domain.legend import CropClass, Legend

LEGEND = Legend(
    (
        CropClass(1, "Maize", "#ffd300", 1101060000, cropland=True),
        CropClass(2, "Tobacco", "#00af4b", 1109000500, cropland=True),
        CropClass(3, "Cotton", "#ff2626", 1108000010, cropland=True),
        CropClass(4, "Soybean", "#267000", 1106000020, cropland=True),
        # WorldCereal tells sorghum (1101070030) from millets (1101070010): the mixed class has no code
        CropClass(5, "Sorghum and millet", "#ff9e0a", cropland=True),
        CropClass(6, "Groundnut", "#70a500", 1106000050, cropland=True),
        CropClass(7, "Sunflower", "#ffff00", 1106000010, cropland=True),
        CropClass(8, "Sugarcane", "#af7cff", 1111010100, cropland=True),
        CropClass(9, "Winter wheat, then summer crop", "#a57000", 1101010000, cropland=True),
        CropClass(10, "Grass and fallow", "#88b053"),
        CropClass(11, "Trees", "#397d49"),
        CropClass(12, "Bare", "#a59b8f"),
        CropClass(13, "Water", "#419bdf"),
        CropClass(14, "Built-up", "#c4281b"),
    )
)
"""Codes 1..14; 1 to 9 are cropland."""
