@rem casebook collection script 1
@rem Collects what was asked for into one folder, with Windows' own tools. It changes nothing else.
@rem Run it as an administrator (Windows Vista and later: right click, Run as administrator). A step that fails does not stop the others.
@echo off
setlocal EnableExtensions DisableDelayedExpansion
cd /d "%SystemRoot%\System32"
set "PATH=%SystemRoot%\System32;%SystemRoot%;%SystemRoot%\System32\Wbem"
set "CB_NAME=casebook-48213"
set "CB_BASE=%PUBLIC%"
if not defined PUBLIC set "CB_BASE=%TEMP%"
set "CB_OUT=%CB_BASE%\%CB_NAME%"
set "CB_ZIP=%CB_OUT%.zip"
set "CB_MANIFEST=%CB_OUT%\casebook-manifest.txt"
if exist "%CB_OUT%" rd /s /q "%CB_OUT%"
if exist "%CB_ZIP%" del /f /q "%CB_ZIP%"
md "%CB_OUT%"
if exist "%CB_OUT%\" goto begin
echo The folder for the result could not be made. Nothing was collected.
goto end

:begin
>>"%CB_MANIFEST%" echo casebook collection manifest 1
>>"%CB_MANIFEST%" echo case: 48213
>>"%CB_MANIFEST%" echo upload: abababababababababababababababababababababababababababababababab
>>"%CB_MANIFEST%" echo asked: PC1
if /i not "%COMPUTERNAME%"=="PC1" echo This script was made for PC1. On another computer its result is of little use.
>>"%CB_MANIFEST%" echo computer: "%COMPUTERNAME%"
>>"%CB_MANIFEST%" echo processor: %PROCESSOR_ARCHITECTURE% %PROCESSOR_ARCHITEW6432%
for /f "delims=" %%a in ('ver') do >>"%CB_MANIFEST%" echo windows: %%a
for /f "delims=" %%a in ('chcp') do >>"%CB_MANIFEST%" echo chcp: %%a
>>"%CB_MANIFEST%" echo begin: %DATE% %TIME%
net session >nul 2>&1
>>"%CB_MANIFEST%" echo elevated: %errorlevel%
>>"%CB_MANIFEST%" 2>nul reg query "HKLM\SYSTEM\CurrentControlSet\Control\ComputerName\ComputerName" /v "ComputerName"
>>"%CB_MANIFEST%" 2>nul reg query "HKLM\SYSTEM\CurrentControlSet\Control\TimeZoneInformation"
>>"%CB_MANIFEST%" 2>nul reg query "HKLM\SYSTEM\CurrentControlSet\Control\Nls\CodePage" /v "ACP"
>>"%CB_MANIFEST%" 2>nul reg query "HKLM\SYSTEM\CurrentControlSet\Control\Nls\CodePage" /v "OEMCP"
>>"%CB_MANIFEST%" 2>nul reg query "HKLM\SOFTWARE\Microsoft\Cryptography" /v "MachineGuid"
>>"%CB_MANIFEST%" echo.

echo 1 of 5: a thing
ver >nul
reg export "HKLM\SYSTEM\CurrentControlSet\Control\Session Manager" "%CB_OUT%\session-manager.reg" /y /reg:64 >nul 2>&1 <nul
if errorlevel 1 reg export "HKLM\SYSTEM\CurrentControlSet\Control\Session Manager" "%CB_OUT%\session-manager.reg" /y >nul 2>&1 <nul
if errorlevel 1 reg export "HKLM\SYSTEM\CurrentControlSet\Control\Session Manager" "%CB_OUT%\session-manager.reg" >nul 2>&1 <nul
call :done 1 session-manager.reg

echo 2 of 5: what shows mount points above C:\_x_ _ del _q _
ver >nul
>>"%CB_OUT%\mounts.txt" echo mountvol
>>"%CB_OUT%\mounts.txt" 2>&1 mountvol <nul
call :done 2 mounts.txt
ver >nul
>>"%CB_OUT%\mounts.txt" echo fsutil reparsepoint query "C:\Program Files"
>>"%CB_OUT%\mounts.txt" 2>&1 fsutil reparsepoint query "C:\Program Files" <nul
call :done 3 mounts.txt
ver >nul
>>"%CB_OUT%\mounts.txt" echo fsutil reparsepoint query "C:\100%% & more"
>>"%CB_OUT%\mounts.txt" 2>&1 fsutil reparsepoint query "C:\100%% & more" <nul
call :done 4 mounts.txt

echo 3 of 5: a thing
ver >nul
md "%CB_OUT%\005" 2>nul
copy /y "%SystemRoot%\PFRO.log" "%CB_OUT%\005\" >nul
dir /a-d /b /s "%CB_OUT%\005" >nul 2>&1
call :copied 5 005

echo 4 of 5: a thing
ver >nul
xcopy "%windir%\MS\SMS\Logs\*.log" "%CB_OUT%\006\" /s /c /h /i /y >nul 2>&1
xcopy "%windir%\MS\SMS\Logs\*.lo_" "%CB_OUT%\006\" /s /c /h /i /y >nul 2>&1
xcopy "%windir%\MS\SMS\Logs\*.txt" "%CB_OUT%\006\" /s /c /h /i /y >nul 2>&1
xcopy "%windir%\MS\SMS\Logs\*.ini" "%CB_OUT%\006\" /s /c /h /i /y >nul 2>&1
xcopy "%windir%\MS\SMS\Logs\*.xml" "%CB_OUT%\006\" /s /c /h /i /y >nul 2>&1
xcopy "%windir%\MS\SMS\Logs\*.csv" "%CB_OUT%\006\" /s /c /h /i /y >nul 2>&1
dir /a-d /b /s "%CB_OUT%\006" >nul 2>&1
call :copied 6 006

echo 5 of 5: a thing
echo     Part or all of this is left to you, as the request describes it.
>>"%CB_MANIFEST%" echo by-hand: 5

>>"%CB_MANIFEST%" echo end: %DATE% %TIME%
if exist "%SystemRoot%\System32\tar.exe" "%SystemRoot%\System32\tar.exe" -a -c -f "%CB_ZIP%" -C "%CB_BASE%" "%CB_NAME%"
set "CB_PS=%SystemRoot%\System32\WindowsPowerShell\v1.0\powershell.exe"
if not exist "%CB_ZIP%" if exist "%CB_PS%" "%CB_PS%" -NoProfile -NonInteractive -Command "Compress-Archive -LiteralPath $env:CB_OUT -DestinationPath $env:CB_ZIP" 2>nul
echo.
if exist "%CB_ZIP%" echo Done. Please send the file "%CB_ZIP%".
if not exist "%CB_ZIP%" echo Done. Please zip the folder "%CB_OUT%" and send it.

:end
endlocal
pause
exit /b 0

:done
set "CB_RC=%errorlevel%"
>>"%CB_MANIFEST%" echo step %1: %CB_RC% %2
if not "%CB_RC%"=="0" echo     step %1 returned %CB_RC%
goto :eof

:copied
if not errorlevel 1 goto done
>>"%CB_MANIFEST%" echo step %1: absent %2
rd "%CB_OUT%\%2" 2>nul
goto :eof
