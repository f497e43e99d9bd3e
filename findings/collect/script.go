package collect

import (
	"fmt"
	"regexp"
	"strings"
)

// Names that a collection bears.
const (
	ScriptFile   = "collect.cmd"           // the script, beside report.json
	ManifestFile = "casebook-manifest.txt" // in the output folder; package extract reads it
	// Mark is the first line of a script. A file without it is not overwritten.
	Mark = "@rem casebook collection script 1"
)

// machineKeys are the keys that the manifest holds as reg query prints them: the computer's name, its time zone, its code pages, what identifies it.
var machineKeys = []struct{ key, value string }{
	{`HKLM\SYSTEM\CurrentControlSet\Control\ComputerName\ComputerName`, "ComputerName"},
	{`HKLM\SYSTEM\CurrentControlSet\Control\TimeZoneInformation`, ""},
	{`HKLM\SYSTEM\CurrentControlSet\Control\Nls\CodePage`, "ACP"},
	{`HKLM\SYSTEM\CurrentControlSet\Control\Nls\CodePage`, "OEMCP"},
	{`HKLM\SOFTWARE\Microsoft\Cryptography`, "MachineGuid"},
}

// folderPatterns are the files that are copied of a folder.
var folderPatterns = []string{"*.log", "*.lo_", "*.txt", "*.ini", "*.xml", "*.csv"}

// Folder is the name of the output folder: casebook- and the case's ID, of a case without one the first digits of its upload's hash.
func (p Plan) Folder() string {
	id := p.Case
	if hash.MatchString(id) {
		id = id[:12]
	}
	id = strings.Trim(fileName(strings.ReplaceAll(id, "/", "-")), "-_.")
	if id == "" {
		id = "case"
	}
	return "casebook-" + id
}

var (
	hash = regexp.MustCompile(`^[0-9a-f]{64}$`)
	// plainHost is a computer's name that may stand in the script.
	plainHost = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$`)
)

// script writes the lines.
type script struct {
	b    strings.Builder
	step int
}

func (s *script) line(format string, args ...any) {
	fmt.Fprintf(&s.b, format, args...)
	s.b.WriteString("\r\n")
}

// note writes a line into the manifest.
func (s *script) note(text string) { s.line(`>>"%%CB_MANIFEST%%" echo %s`, text) }

// Script returns the collection script: ASCII, lines that end in CRLF. The same plan gives the same bytes.
func (p Plan) Script() []byte {
	s := &script{}
	s.line("%s", Mark)
	s.line("@rem Collects what was asked for into one folder, with Windows' own tools. It changes nothing else.")
	s.line("@rem Run it as an administrator (Windows Vista and later: right click, Run as administrator). A step that fails does not stop the others.")
	s.line("@echo off")
	s.line("setlocal EnableExtensions DisableDelayedExpansion")
	s.line(`cd /d "%%SystemRoot%%\System32"`)
	s.line(`set "PATH=%%SystemRoot%%\System32;%%SystemRoot%%;%%SystemRoot%%\System32\Wbem"`)
	s.line(`set "CB_NAME=%s"`, p.Folder())
	s.line(`set "CB_BASE=%%PUBLIC%%"`)
	s.line(`if not defined PUBLIC set "CB_BASE=%%TEMP%%"`)
	s.line(`set "CB_OUT=%%CB_BASE%%\%%CB_NAME%%"`)
	s.line(`set "CB_ZIP=%%CB_OUT%%.zip"`)
	s.line(`set "CB_MANIFEST=%%CB_OUT%%\%s"`, ManifestFile)
	s.line(`if exist "%%CB_OUT%%" rd /s /q "%%CB_OUT%%"`)
	s.line(`if exist "%%CB_ZIP%%" del /f /q "%%CB_ZIP%%"`)
	s.line(`md "%%CB_OUT%%"`)
	s.line(`if exist "%%CB_OUT%%\" goto begin`)
	s.line("echo The folder for the result could not be made. Nothing was collected.")
	s.line("goto end")
	s.line("")
	s.line(":begin")
	p.manifest(s)
	for i, it := range p.Items {
		s.line("")
		s.line("echo %d of %d: %s", i+1, len(p.Items), told(it.What))
		if len(it.ByHand) > 0 {
			s.line("echo     Part or all of this is left to you, as the request describes it.")
			s.note(fmt.Sprintf("by-hand: %d", i+1))
		}
		for _, st := range it.Steps {
			s.step++
			st.write(s)
		}
	}
	s.line("")
	s.note("end: %DATE% %TIME%")
	s.line(`if exist "%%SystemRoot%%\System32\tar.exe" "%%SystemRoot%%\System32\tar.exe" -a -c -f "%%CB_ZIP%%" -C "%%CB_BASE%%" "%%CB_NAME%%"`)
	s.line(`set "CB_PS=%%SystemRoot%%\System32\WindowsPowerShell\v1.0\powershell.exe"`)
	s.line(`if not exist "%%CB_ZIP%%" if exist "%%CB_PS%%" "%%CB_PS%%" -NoProfile -NonInteractive -Command "Compress-Archive -LiteralPath $env:CB_OUT -DestinationPath $env:CB_ZIP" 2>nul`)
	s.line("echo.")
	s.line(`if exist "%%CB_ZIP%%" echo Done. Please send the file "%%CB_ZIP%%".`)
	s.line(`if not exist "%%CB_ZIP%%" echo Done. Please zip the folder "%%CB_OUT%%" and send it.`)
	s.line("")
	s.line(":end")
	s.line("endlocal")
	s.line("pause")
	s.line("exit /b 0")
	s.line("")
	s.line(":done")
	s.line(`set "CB_RC=%%errorlevel%%"`)
	s.line(`>>"%%CB_MANIFEST%%" echo step %%1: %%CB_RC%% %%2`)
	s.line(`if not "%%CB_RC%%"=="0" echo     step %%1 returned %%CB_RC%%`)
	s.line("goto :eof")
	s.line("")
	s.line(":copied")
	s.line("if not errorlevel 1 goto done")
	s.line(`>>"%%CB_MANIFEST%%" echo step %%1: absent %%2`)
	s.line(`rd "%%CB_OUT%%\%%2" 2>nul`)
	s.line("goto :eof")
	return []byte(s.b.String())
}

// manifest writes what identifies the machine and the request.
func (p Plan) manifest(s *script) {
	s.note("casebook collection manifest 1")
	if id := told(p.Case); id != "" {
		s.note("case: " + id)
	}
	if hash.MatchString(p.Upload) {
		s.note("upload: " + p.Upload)
	}
	if plainHost.MatchString(p.Host) {
		s.note("asked: " + strings.ToUpper(p.Host))
		s.line(`if /i not "%%COMPUTERNAME%%"=="%s" echo This script was made for %s. On another computer its result is of little use.`, p.Host, p.Host)
	}
	s.note(`computer: "%COMPUTERNAME%"`)
	s.note("processor: %PROCESSOR_ARCHITECTURE% %PROCESSOR_ARCHITEW6432%")
	s.line(`for /f "delims=" %%%%a in ('ver') do >>"%%CB_MANIFEST%%" echo windows: %%%%a`)
	s.line(`for /f "delims=" %%%%a in ('chcp') do >>"%%CB_MANIFEST%%" echo chcp: %%%%a`)
	s.note("begin: %DATE% %TIME%")
	s.line("net session >nul 2>&1")
	s.note("elevated: %errorlevel%")
	for _, k := range machineKeys {
		value := ""
		if k.value != "" {
			value = ` /v "` + k.value + `"`
		}
		s.line(`>>"%%CB_MANIFEST%%" 2>nul reg query "%s"%s`, k.key, value)
	}
	s.line(`>>"%%CB_MANIFEST%%" echo.`)
}

// String is what the step runs or copies, as a person reads it.
func (st *Step) String() string {
	if st.Copy != "" {
		return "copy " + st.Copy
	}
	return strings.Replace(st.Command, fileMark, `"`+st.File+`"`, 1)
}

// write writes the lines of a step. Every percent sign of its command is already as cmd wants it.
func (st *Step) write(s *script) {
	s.line("ver >nul")
	switch {
	case st.Folder:
		for _, p := range folderPatterns {
			s.line(`xcopy "%s\%s" "%%CB_OUT%%\%s\" /s /c /h /i /y >nul 2>&1`, strings.Trim(st.Copy, `"`), p, st.File)
		}
	case st.Search:
		s.line(`md "%%CB_OUT%%\%s" 2>nul`, st.File)
		s.line(`for /f "delims=" %%%%f in ('dir /a-d /b /s %s 2^>nul') do copy /y "%%%%f" "%%CB_OUT%%\%s\" >nul`, st.Copy, st.File)
	case st.Copy != "":
		s.line(`md "%%CB_OUT%%\%s" 2>nul`, st.File)
		s.line(`copy /y %s "%%CB_OUT%%\%s\" >nul`, st.Copy, st.File)
	case st.writes:
		target := `"%CB_OUT%\` + st.File + `"`
		s.line("%s >nul 2>&1 <nul", strings.Replace(st.Command, fileMark, target, 1))
		for _, r := range st.retry {
			s.line("if errorlevel 1 %s >nul 2>&1 <nul", strings.Replace(r, fileMark, target, 1))
		}
	default:
		if st.echo {
			s.line(`>>"%%CB_OUT%%\%s" echo %s`, st.File, st.Command)
		}
		s.line(`>>"%%CB_OUT%%\%s" 2>&1 %s <nul`, st.File, st.Command)
		for _, r := range st.retry {
			s.line(`if errorlevel 1 >>"%%CB_OUT%%\%s" 2>&1 %s <nul`, st.File, r)
		}
	}
	if st.Copy == "" {
		s.line("call :done %d %s", s.step, st.File)
		return
	}
	// Whether a file was copied is seen in its folder: a pattern and each of several places have statuses of their own.
	s.line(`dir /a-d /b /s "%%CB_OUT%%\%s" >nul 2>&1`, st.File)
	s.line("call :copied %d %s", s.step, st.File)
}
